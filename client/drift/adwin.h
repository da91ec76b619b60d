// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace millrace {

/// ADWIN2 (Bifet and Gavalda 2007): a window over the latest values that drops its oldest part as
/// soon as the means of two parts differ by more than chance allows. The window is an exponential
/// histogram, so that memory and the time of a check grow with the logarithm of its length. Not
/// thread-safe.
class Adwin {
 public:
  struct Parameters {
    double delta = 0.002;  // bound on the chance of a false cut at each check
    /// Values lie within [-range / 2, range / 2]; those beyond count as the bound itself.
    double range = 8;
    int64_t check_every = 32;  // values
  };

  explicit Adwin(Parameters parameters) : parameters_(parameters) {}

  /// True if the window was cut. Values that are not finite are passed over.
  bool Add(double value);

  int64_t size() const { return size_; }
  double mean() const { return size_ == 0 ? 0 : sum_ / static_cast<double>(size_); }
  double variance() const { return size_ == 0 ? 0 : squares_ / static_cast<double>(size_); }
  /// Buckets that the histogram has now.
  int64_t buckets() const;

 private:
  static constexpr int kPerRow = 5;  // the paper's M

  struct Bucket {
    double sum = 0;
    double squares = 0;  // of what its values are off their mean
  };
  /// Buckets of 2^row values each, the oldest first.
  struct Row {
    std::array<Bucket, kPerRow + 1> buckets;
    int count = 0;
  };

  void Insert(double value);
  void DropOldest();
  bool HasCut() const;

  Parameters parameters_;
  std::vector<Row> rows_;  // the newest values in the first
  int64_t added_ = 0;
  int64_t size_ = 0;
  double sum_ = 0;
  double squares_ = 0;
};

}  // namespace millrace
