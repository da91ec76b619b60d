// SPDX-License-Identifier: Apache-2.0
#include "client/drift/machine_seconds.h"

#include <optional>

namespace millrace {

MachineSeconds::MachineSeconds(int32_t channels, double period_s)
    : extractors_(channels, FeatureExtractor(period_s)), features_(channels, kNoFeatures) {}

bool MachineSeconds::AddRow(std::span<const float> row, int32_t mode) {
  if (begins_) mode_ = mode;
  one_mode_ = (begins_ || one_mode_) && mode == mode_;
  begins_ = false;
  for (size_t i = 0; i < extractors_.size(); ++i) {
    const std::optional<FeatureValues> second = extractors_[i].Add(row[i]);
    if (!second) continue;
    begins_ = true;  // for all channels alike: they have one grid
    features_[i] = one_mode_ ? *second : kNoFeatures;
  }
  return begins_;
}

}  // namespace millrace
