// SPDX-License-Identifier: Apache-2.0
#include "client/live/payload.h"

#include <cmath>
#include <limits>

namespace millrace {

float SampleValue(double value) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  return std::abs(value) <= kLargest ? static_cast<float>(value)
                                     : std::numeric_limits<float>::quiet_NaN();
}

}  // namespace millrace
