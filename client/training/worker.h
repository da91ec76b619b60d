// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "millrace/v1/rounds.pb.h"
#include "models/trainer.h"

namespace millrace {

/// An assignment with the files it reads and writes.
struct WorkOrder {
  v1::Assignment assignment;
  std::string parameters_path;  // the model: little-endian float32; empty for statistics
  std::string update_path;      // is written: weighted section, then statistics
};

struct WorkResult {
  double weight = 0;  // what the update counts
};

/// Turns assignments into updates. Not thread-safe.
class Worker {
 public:
  virtual ~Worker() = default;
  /// `on_progress` returning false ends the work with CANCELLED. Any error means that there is no
  /// update; its PublicText is one line for the operator and holds no data.
  virtual absl::StatusOr<WorkResult> Do(
      const WorkOrder& order, const std::function<bool(const TrainingProgress&)>& on_progress) = 0;
};

}  // namespace millrace
