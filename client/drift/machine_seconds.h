// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "client/drift/features.h"

namespace millrace {

/// Cuts the rows of a machine's time grid into seconds. Constant time and memory. Not thread-safe.
class MachineSeconds {
 public:
  /// `period_s` > 0: of the grid.
  MachineSeconds(int32_t channels, double period_s);

  /// The next row: a value for each channel, NaN where it is missing or flagged, and the row's
  /// operating mode. True with the last row of a second, which features() and mode() are of then.
  bool AddRow(std::span<const float> row, int32_t mode);

  /// [channels]; none where the mode has changed within the second.
  std::span<const FeatureValues> features() const { return features_; }
  int32_t mode() const { return mode_; }

 private:
  std::vector<FeatureExtractor> extractors_;  // one per channel
  std::vector<FeatureValues> features_;
  int32_t mode_ = 0;      // of the second's first row
  bool one_mode_ = true;  // so far in this second
  bool begins_ = true;    // the next row is a second's first
};

}  // namespace millrace
