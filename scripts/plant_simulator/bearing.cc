// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/bearing.h"

#include <cmath>

namespace millrace {

FaultOrders OrdersOf(const BearingGeometry& bearing) {
  const double ratio =
      bearing.ball_diameter_mm / bearing.pitch_diameter_mm * std::cos(bearing.contact_angle_rad);
  const double diameters = bearing.pitch_diameter_mm / bearing.ball_diameter_mm;
  return {.outer = bearing.balls / 2.0 * (1 - ratio),
          .inner = bearing.balls / 2.0 * (1 + ratio),
          .ball_spin = diameters / 2 * (1 - ratio * ratio),
          .cage = (1 - ratio) / 2};
}

}  // namespace millrace
