// SPDX-License-Identifier: Apache-2.0
#include "client/drift/machine_drift.h"

#include <optional>

namespace millrace {

MachineDrift::MachineDrift(const DriftParameters& parameters, int32_t channels, double period_s)
    : channels_(channels, Channel{FeatureExtractor(period_s), DriftMonitor(parameters)}) {}

std::span<const MachineDrift::Change> MachineDrift::AddRow(std::span<const float> row,
                                                           int32_t mode) {
  changes_.clear();
  if (begins_) mode_ = mode;
  one_mode_ = (begins_ || one_mode_) && mode == mode_;
  begins_ = false;
  for (int32_t i = 0; i < channels(); ++i) {
    Channel& channel = channels_[i];
    const std::optional<FeatureValues> second = channel.extractor.Add(row[i]);
    if (!second) continue;
    begins_ = true;  // for all channels alike: they have one grid
    const DriftState from = channel.monitor.state();
    const DriftState to = channel.monitor.Add(mode_, one_mode_ ? *second : kNoFeatures);
    if (from != to) changes_.push_back({i, from, to});
  }
  return changes_;
}

}  // namespace millrace
