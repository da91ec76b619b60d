// SPDX-License-Identifier: Apache-2.0
// Limits that the kernel holds the training process to, where the service manager has delegated a
// control group to the daemon (Delegate= of its unit; control groups version 2). The daemon moves
// into <its group>/daemon, because a group with groups below holds no processes itself, and its
// training processes go to <its group>/training.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "client/operation/processors.h"

namespace millrace {

struct TrainingLimits {
  int64_t memory_mb = 0;    // MiB, page cache included; 0: no limit
  int64_t cpu_percent = 0;  // of one core; 0: no limit
};

/// The daemon's side, at its start. FAILED_PRECONDITION where there is no group of its own to
/// divide.
absl::Status MakeTrainingGroup(const TrainingLimits& limits, const ControlGroups& groups = {});

/// The training process's side; does nothing where the daemon has made no group.
absl::Status JoinTrainingGroup(const ControlGroups& groups = {});

}  // namespace millrace
