// SPDX-License-Identifier: Apache-2.0
#include "client/drift/page_hinkley.h"

#include <algorithm>
#include <cmath>

namespace millrace {

/// What the sum of all has risen above its least: the same, held at zero from below.
void PageHinkley::Side::Add(double excess) {
  sum = std::max(0.0, sum + excess);
  values = sum > 0 ? values + 1 : 0;
}

bool PageHinkley::Add(double value) {
  if (std::isfinite(value)) {
    ++count_;
    mean_ += (value - mean_) / static_cast<double>(count_);
    up_.Add(value - mean_ - parameters_.delta);
    down_.Add(mean_ - value - parameters_.delta);
  }
  return count_ >= parameters_.at_least && sum() > parameters_.lambda;
}

double PageHinkley::ShiftEstimate() const {
  const bool rises = up_.sum >= down_.sum;
  const Side& side = rises ? up_ : down_;
  if (side.values == 0) return 0;
  const double size = parameters_.delta + side.sum / static_cast<double>(side.values);
  return rises ? size : -size;
}

}  // namespace millrace
