// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace millrace {

/// What a machine's sensors said in a row of moments.
struct PlantBlock {
  size_t index = 0;  // of the machine
  const std::string* machine = nullptr;
  const std::vector<std::string>* channels = nullptr;
  int64_t time_ns = 0;  // of the first row
  int64_t period_ns = 0;
  std::span<const float> rows;  // [rows, channels]; NaN: the sensor said nothing
};

/// A way out of the plant. Used by one thread.
class PlantFeed {
 public:
  virtual ~PlantFeed() = default;
  /// An error ends the simulation: what can pass by itself is none.
  virtual absl::Status Take(const PlantBlock& block) = 0;
  /// What was lost on the way so far, blocks.
  virtual int64_t lost() const { return 0; }
};

}  // namespace millrace
