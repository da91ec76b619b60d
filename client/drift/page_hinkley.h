// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace {

/// The test of Page and Hinkley: a cumulative sum of what values are off the mean of all so far, so
/// that it needs no reference. Two-sided. Constant time and memory. Not thread-safe.
class PageHinkley {
 public:
  struct Parameters {
    double delta = 0.25;    // what each value is worth less
    double lambda = 50;     // alarm beyond this
    int64_t at_least = 30;  // values before the first alarm
  };

  explicit PageHinkley(Parameters parameters) : parameters_(parameters) {}

  /// True while the mean is found to have moved. Values that are not finite are passed over.
  bool Add(double value);
  /// Begins anew, with a new mean.
  void Reset() { *this = PageHinkley(parameters_); }

  double mean() const { return mean_; }
  /// The larger of both sums.
  double sum() const { return up_.sum > down_.sum ? up_.sum : down_.sum; }
  /// How far the values since the larger sum left zero are off the mean of all: signed.
  double ShiftEstimate() const;

 private:
  struct Side {
    double sum = 0;
    int64_t values = 0;  // since it was zero
    void Add(double excess);
  };

  Parameters parameters_;
  int64_t count_ = 0;
  double mean_ = 0;
  Side up_;
  Side down_;
};

}  // namespace millrace
