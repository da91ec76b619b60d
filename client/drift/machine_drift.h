// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "client/drift/drift_monitor.h"
#include "client/drift/features.h"

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

  int32_t channels() const { return static_cast<int32_t>(channels_.size()); }
  const DriftMonitor& monitor(int32_t channel) const { return channels_[channel].monitor; }
  DriftMonitor& monitor(int32_t channel) { return channels_[channel].monitor; }

 private:
  struct Channel {
    FeatureExtractor extractor;
    DriftMonitor monitor;
  };

  std::vector<Channel> channels_;
  std::vector<Change> changes_;
  int32_t mode_ = 0;      // of the second's first row
  bool one_mode_ = true;  // so far in this second
  bool begins_ = true;    // the next row is a second's first
};

}  // namespace millrace
