// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace millrace {

struct BearingGeometry {
  int balls = 0;
  double ball_diameter_mm = 0;
  double pitch_diameter_mm = 0;
  double contact_angle_rad = 0;
};

/// How often a defect is struck, per revolution of the shaft.
struct FaultOrders {
  double outer = 0;      // BPFO: balls passing a point of the standing outer race
  double inner = 0;      // BPFI: the same of the turning inner race
  double ball_spin = 0;  // BSF: turns of a ball; a defect on it strikes twice in one
  double cage = 0;       // FTF
};

/// Kinematics of rolling without slip, outer race standing (Randall and Antoni 2011, "Rolling
/// element bearing diagnostics - a tutorial", eq. 1-4).
FaultOrders OrdersOf(const BearingGeometry& bearing);

}  // namespace millrace
