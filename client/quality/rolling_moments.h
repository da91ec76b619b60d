// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace millrace {

/// Mean and variance that forget exponentially. The first values count alike, so that they are
/// unbiased from the start.
class RollingMoments {
 public:
  /// After `steps` values a value counts 1/e of what it did.
  explicit RollingMoments(double steps)
      : forget_(-std::expm1(-1 / std::max(steps, 1.0))),
        enough_(static_cast<int64_t>(std::ceil(std::max(steps, 2.0)))) {}

  void Add(double value) {
    ++count_;
    const double weight = std::max(forget_, 1 / static_cast<double>(count_));
    const double off = value - mean_;
    mean_ += weight * off;
    variance_ = (1 - weight) * (variance_ + weight * off * off);
  }
  void Reset() {
    count_ = 0;
    mean_ = 0;
    variance_ = 0;
  }

  /// Values have come for as long as the time constant.
  bool ready() const { return count_ >= enough_; }
  int64_t count() const { return count_; }
  double mean() const { return mean_; }
  double variance() const { return variance_; }

 private:
  double forget_;
  int64_t enough_;
  int64_t count_ = 0;
  double mean_ = 0;
  double variance_ = 0;
};

}  // namespace millrace
