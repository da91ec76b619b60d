// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/round/types.h"

namespace millrace {

/// A run as its stored events leave it. DATA_LOSS names the run and the first event that does not
/// follow.
absl::StatusOr<RunState> Replay(const std::string& run_id, std::span<const Event> events);

}  // namespace millrace
