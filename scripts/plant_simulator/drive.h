// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "scripts/plant_simulator/plant.h"

namespace millrace {

/// What a machine is asked to do: it stays in a regime for a minute or so, then goes to another one
/// of its plant's, no faster than its drive can turn. Not thread-safe.
class Drive {
 public:
  /// `plant` outlives it.
  Drive(const Plant* plant, Random random);

  void Step(double dt_s);
  /// From now on it runs down to a standstill, and stays there.
  void Trip() { tripped_ = true; }

  double speed_rpm() const { return speed_rpm_; }
  double load_percent() const { return load_percent_; }

 private:
  const Plant* const plant_;
  Random random_;
  Regime wanted_;
  double left_s_ = 0;  // in the regime
  double speed_rpm_ = 0;
  double load_percent_ = 0;
  double hunting_ = 0;  // of the speed's controller, a share of the speed
  bool tripped_ = false;
};

}  // namespace millrace
