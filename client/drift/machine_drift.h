// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "client/drift/drift_monitor.h"
#include "client/drift/machine_seconds.h"

namespace millrace {

/// Drift of each of a machine's channels, from the rows of its time grid. Not thread-safe.
class MachineDrift {
 public:
  struct Change {
    int32_t channel = 0;
    DriftState from = DriftState::kLearning;
    DriftState to = DriftState::kLearning;
  };

  /// `period_s` > 0: of the grid.
  MachineDrift(const DriftParameters& parameters, int32_t channels, double period_s);

  /// The next row: a value for each channel, NaN where it is missing or flagged, and the row's
  /// operating mode. A second in which the mode changes is not evaluated. The channels whose state
  /// has changed, seldom any; valid until the next call.
  std::span<const Change> AddRow(std::span<const float> row, int32_t mode);

  int32_t channels() const { return static_cast<int32_t>(monitors_.size()); }
  const DriftMonitor& monitor(int32_t channel) const { return monitors_[channel]; }
  DriftMonitor& monitor(int32_t channel) { return monitors_[channel]; }

 private:
  MachineSeconds seconds_;
  std::vector<DriftMonitor> monitors_;  // one per channel
  std::vector<Change> changes_;
};

}  // namespace millrace
