// SPDX-License-Identifier: Apache-2.0
#include "client/drift/machine_drift.h"

namespace millrace {

MachineDrift::MachineDrift(const DriftParameters& parameters, int32_t channels, double period_s)
    : seconds_(channels, period_s), monitors_(channels, DriftMonitor(parameters)) {}

std::span<const MachineDrift::Change> MachineDrift::AddRow(std::span<const float> row,
                                                           int32_t mode) {
  changes_.clear();
  if (!seconds_.AddRow(row, mode)) return changes_;
  for (int32_t i = 0; i < channels(); ++i) {
    const DriftState from = monitors_[i].state();
    const DriftState to = monitors_[i].Add(seconds_.mode(), seconds_.features()[i]);
    if (from != to) changes_.push_back({i, from, to});
  }
  return changes_;
}

}  // namespace millrace
