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
  double sum() const { return up_ > down_ ? up_ : down_; }

 private:
  Parameters parameters_;
  int64_t count_ = 0;
  double mean_ = 0;
  double up_ = 0;
  double down_ = 0;
};

}  // namespace millrace
