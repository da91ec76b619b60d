// SPDX-License-Identifier: Apache-2.0
#include "client/drift/cusum.h"

#include <algorithm>
#include <cmath>

namespace millrace {
namespace {

/// Of one side, for a mean that moves towards it by `drift` deviations a value.
double OneSidedRunLength(double h, double drift) {
  constexpr double kOvershoot = 1.166;
  const double limit = h + kOvershoot;
  if (std::abs(drift) < 1e-6) return limit * limit;
  return (std::expm1(-2 * drift * limit) + 2 * drift * limit) / (2 * drift * drift);
}

}  // namespace

void Cusum::Side::Add(double excess) {
  sum = std::max(0.0, sum + excess);
  values = sum > 0 ? values + 1 : 0;
}

Shift Cusum::Add(double value) {
  if (std::isfinite(value)) {
    up_.Add(value - parameters_.k);
    down_.Add(-value - parameters_.k);
  }
  if (std::max(up_.sum, down_.sum) <= parameters_.h) return Shift::kNone;
  return up_.sum >= down_.sum ? Shift::kUp : Shift::kDown;
}

void Cusum::Reset() {
  up_ = {};
  down_ = {};
}

double Cusum::ShiftEstimate() const {
  const bool rises = up_.sum >= down_.sum;
  const Side& side = rises ? up_ : down_;
  if (side.values == 0) return 0;
  const double size = parameters_.k + side.sum / static_cast<double>(side.values);
  return rises ? size : -size;
}

double CusumRunLength(Cusum::Parameters parameters, double shift) {
  const double up = OneSidedRunLength(parameters.h, shift - parameters.k);
  const double down = OneSidedRunLength(parameters.h, -shift - parameters.k);
  return 1 / (1 / up + 1 / down);
}

}  // namespace millrace
