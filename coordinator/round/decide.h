// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "coordinator/round/types.h"

namespace millrace {

/// Nothing to do before `until` unless an event comes first.
struct Wait {
  absl::Time until;
  std::string why;  // for the operator, once it is worth a word; empty while a round is open
};
/// The open round has what it needs: fold and commit it.
struct Aggregate {};

/// What a run needs next: an event to record, work to do, or time.
using Decision = std::variant<Wait, Aggregate, Event>;

/// The event that gives up the current round for `why`: RoundAbandoned with a time to try again, or
/// RunEnded when it was the last attempt.
Event AbandonOrFail(const RunState& run, absl::string_view why, absl::Time now);

/// How many of so many sites must report drift before a run of this plan begins. The share counts
/// of no fewer sites than a round needs, so that the first ones to come do not decide alone.
int64_t DriftNeeded(const Plan& plan, int64_t sites);

/// Decides from values alone. `available` are the sites that could be invited now, sorted;
/// `busy_in` the other runs whose rounds keep sites from it; `drift` matters to a run that waits
/// for it, which opens no round before.
///
/// A round opens when `target` sites are available, or all of the last round's cohort (so that a
/// site that went away is waited for once), or after wait_s; never with fewer than `minimum`. It
/// invites up to cohort_size of them, drawn with the run's seed. It closes when `target` updates
/// are in, when no invited site is outstanding, or at its deadline; with fewer updates than
/// `minimum` it is abandoned and tried again after backoff_s, doubled with each attempt, at most
/// `attempts` times.
Decision Decide(const RunState& run, const std::vector<std::string>& available, absl::Time now,
                const std::vector<std::string>& busy_in = {}, const DriftCount& drift = {});

/// The longest pause between two attempts at a round.
absl::Duration LongestBackoff(const CohortPlan& cohort);

/// When the run last had sites. Of the runs that could open a round, the one with the earliest turn
/// goes first, so that none starves another.
absl::Time LastTurn(const RunState& run);

}  // namespace millrace
