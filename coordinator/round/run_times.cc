// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/run_times.h"

#include <algorithm>

#include "coordinator/round/decide.h"

namespace millrace {

void MoveTimes(RunState& run, absl::Duration by) {
  run.waiting_since += by;
  if (run.rounds.empty()) {
    run.created += by;  // it takes turns by it
    return;
  }
  RoundState& last = run.rounds.back();
  last.opened += by;
  last.deadline += by;
  last.ended += by;  // stays infinite while it is
  if (last.secure) last.secure->deadline += by;
}

void BoundTimes(RunState& run, absl::Time now) {
  run.waiting_since = std::min(run.waiting_since, now + LongestBackoff(run.plan.cohort));
  if (run.rounds.empty()) {
    run.created = std::min(run.created, now);
    return;
  }
  RoundState& last = run.rounds.back();
  last.opened = std::min(last.opened, now);
  if (last.ended != absl::InfiniteFuture()) last.ended = std::min(last.ended, now);
}

}  // namespace millrace
