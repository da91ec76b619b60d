// SPDX-License-Identifier: Apache-2.0
#include "client/drift/page_hinkley.h"

#include <algorithm>
#include <cmath>

namespace millrace {

bool PageHinkley::Add(double value) {
  if (std::isfinite(value)) {
    ++count_;
    mean_ += (value - mean_) / static_cast<double>(count_);
    // What the sum of all has risen above its least: the same, held at zero from below.
    up_ = std::max(0.0, up_ + value - mean_ - parameters_.delta);
    down_ = std::max(0.0, down_ + mean_ - value - parameters_.delta);
  }
  return count_ >= parameters_.at_least && sum() > parameters_.lambda;
}

}  // namespace millrace
