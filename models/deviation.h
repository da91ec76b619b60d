// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

namespace millrace {

/// The standard deviation to divide by: 1 where the spread is no more than what rounding leaves
/// behind (1e-6 of the root mean square), so that a constant channel becomes 0 instead of amplified
/// noise. Whatever the channel's unit: a factor on its values is one on their deviation.
inline double UsableDeviation(double variance, double mean) {
  constexpr double kRounding = 1e-6;
  const double spread = std::max(variance, 0.0);
  const bool constant = spread <= kRounding * kRounding * (spread + mean * mean);
  return constant ? 1.0 : std::sqrt(spread);
}

}  // namespace millrace
