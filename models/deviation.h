// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

namespace millrace {

/// The standard deviation to divide by: 1 where the spread is no more than what rounding leaves
/// behind (1e-6 of the mean), so that a constant channel becomes 0 instead of amplified noise.
inline double UsableDeviation(double variance, double mean) {
  const double deviation = std::sqrt(std::max(variance, 0.0));
  return deviation < 1e-6 * std::max(1.0, std::abs(mean)) ? 1.0 : deviation;
}

}  // namespace millrace
