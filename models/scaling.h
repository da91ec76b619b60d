// SPDX-License-Identifier: Apache-2.0
// Scaling that no single site knows: the sites' moments are summed like any other update.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/dataset.h"
#include "plan/plan.h"

namespace millrace {

/// count, sum and sum of squares per (cell, channel), cell-major, as doubles:
/// [cells, channels, 3].
std::vector<double> ScalingMoments(const InputPlan& input, std::span<const Series> series);

/// Per operating mode and channel: x -> (x - mean) / deviation.
struct Scaling {
  struct Mode {
    int32_t cell = 0;
    std::vector<float> mean;       // [channels]
    std::vector<float> deviation;  // [channels], > 0
    int64_t count = 0;             // rows behind it
  };
  int64_t channels = 0;
  std::vector<Mode> modes;  // by ascending cell; only cells that hold data
  Mode overall;             // for cells that no site had seen

  /// From the summed moments. A channel that does not vary gets deviation 1.
  /// INVALID_ARGUMENT for a wrong length, non-finite or negative counts, or no data at all.
  static absl::StatusOr<Scaling> FromMoments(const InputPlan& input,
                                             std::span<const double> moments);
  /// In place. `rows`: [n, channels]; `cells`: [n], or empty where all are 0.
  void Apply(std::span<float> rows, std::span<const int32_t> cells) const;
  void Apply(Series& series) const;
};

}  // namespace millrace
