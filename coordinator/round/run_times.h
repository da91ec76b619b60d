// SPDX-License-Identifier: Apache-2.0
// What a run waits for is written down by the wall clock, which somebody may set. These keep a run
// from waiting for a time that never comes, or from giving up early. They change what is in memory
// only; the store keeps what was written.
#pragma once

#include "absl/time/time.h"
#include "coordinator/round/types.h"

namespace millrace {

/// The wall clock was set by so much while the run was in memory: it waits as long as it meant to.
void MoveTimes(RunState& run, absl::Duration by);

/// A new process takes the run up. Nobody knows by how much the clock was set meanwhile, but
/// nothing was written later than now, and no wait is longer than the plan's longest. The deadlines
/// of an open round are CoordinatorReturned's business.
void BoundTimes(RunState& run, absl::Time now);

}  // namespace millrace
