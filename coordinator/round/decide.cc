// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/decide.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/random.h"

namespace millrace {
namespace {

constexpr int kMaxBackoffDoublings = 10;
// Between rounds sites take a moment to check in again, which is not worth a word.
constexpr absl::Duration kQuiet = absl::Seconds(2);
constexpr absl::Duration kCountAgain = absl::Seconds(10);

/// Between this attempt and the next.
absl::Duration BackoffAfter(const CohortPlan& cohort, int64_t attempt) {
  const int64_t doublings = std::clamp<int64_t>(attempt - 1, 0, kMaxBackoffDoublings);
  return absl::Seconds(cohort.backoff_s << doublings);
}

std::vector<std::string> DrawCohort(const RunState& run, std::vector<std::string> available) {
  Random random = Random(run.plan.run.seed)
                      .Fork(absl::StrCat("cohort ", run.next_round, " ", run.next_attempt));
  random.Shuffle(std::span(available));
  const auto size = std::min<int64_t>(run.plan.cohort_size(), available.size());
  available.resize(size);
  std::sort(available.begin(), available.end());
  return available;
}

/// True if nobody of the last round's cohort is missing.
bool LastCohortIsBack(const RunState& run, const std::vector<std::string>& available) {
  return !run.rounds.empty() && std::ranges::includes(available, run.rounds.back().cohort);
}

Decision DecideOpening(const RunState& run, const std::vector<std::string>& available,
                       absl::Time now, const std::vector<std::string>& busy_in) {
  const CohortPlan& cohort = run.plan.cohort;
  if (now < run.waiting_since) return Wait{run.waiting_since, ""};
  const auto present = static_cast<int64_t>(available.size());
  const auto wait = [&](absl::Time until, absl::string_view wanted) {
    if (now < run.waiting_since + kQuiet) return Wait{until, ""};
    const std::string counted = absl::StrCat(": ", present, " of ", wanted);
    return Wait{until, busy_in.empty()
                           ? absl::StrCat("waits for sites", counted, " are here")
                           : absl::StrCat("waits for sites that are busy in run ",
                                          absl::StrJoin(busy_in, ", "), counted, " are free")};
  };
  const absl::Time patience_ends = run.waiting_since + absl::Seconds(cohort.wait_s);
  if (present < cohort.minimum) {
    return wait(absl::InfiniteFuture(), absl::StrCat("at least ", cohort.minimum));
  }
  const bool complete = present >= cohort.target || LastCohortIsBack(run, available);
  if (!complete && now < patience_ends) return wait(patience_ends, absl::StrCat(cohort.target));
  RoundOpened opened;
  opened.round = run.next_round;
  opened.attempt = run.next_attempt;
  opened.cohort = DrawCohort(run, available);
  opened.target = std::min(cohort.target, present);
  return Event{now, std::move(opened)};
}

Decision DecideStart(const RunState& run, const DriftCount& drift, absl::Time now) {
  const int64_t needed = DriftNeeded(run.plan, drift.sites);
  if (drift.drifting >= needed) {
    return Event{now, DriftReached{drift.sites, drift.drifting, needed}};
  }
  // Sites that fall silent change the count, and nobody tells.
  return Wait{now + kCountAgain,
              absl::StrCat("waits for drift: ", drift.drifting, " of ", drift.sites,
                           drift.sites == 1 ? " site" : " sites", " (needs ", needed, ")")};
}

/// The end of a secure phase: all of its members are done or failed, or its time is over.
Decision DecidePhase(const RunState& run, const RoundState& round, absl::Time now) {
  const SecureProgress& secure = *round.secure;
  const bool masking = secure.phase == SecurePhase::kMask;
  const auto done = secure.done.find(secure.phase);
  const int64_t count = masking                     ? std::ssize(round.contributions)
                        : done == secure.done.end() ? 0
                                                    : std::ssize(done->second);
  if (masking && count >= round.target) return Event{now, PhaseClosed{"target reached"}};
  const bool late = now >= secure.deadline;
  if (!late && round.Outstanding() > 0) return Wait{secure.deadline, ""};
  const char* why = late ? "deadline" : "no site outstanding";
  // How many must help to unmask is the threshold's business: recovery says if they are too few.
  const bool unmasking =
      secure.phase == SecurePhase::kAgree || secure.phase == SecurePhase::kUnmask;
  if (count >= (unmasking ? 1 : round.minimum)) return Event{now, PhaseClosed{why}};
  return AbandonOrFail(
      run,
      absl::StrCat("phase ", std::string(Name(secure.phase)), ", ", why, ", ", count, " sites in"),
      now);
}

Decision DecideRound(const RunState& run, const RoundState& round, absl::Time now) {
  if (round.phase == RoundPhase::kClosed) return Aggregate{};
  if (round.secure) return DecidePhase(run, round, now);
  const auto received = static_cast<int64_t>(round.contributions.size());
  if (received >= round.target) return Event{now, RoundClosed{"target reached"}};
  const bool late = now >= round.deadline;
  if (!late && round.Outstanding() > 0) return Wait{round.deadline, ""};
  const char* why = late ? "deadline" : "no site outstanding";
  if (received >= round.minimum) return Event{now, RoundClosed{why}};
  return AbandonOrFail(run, why, now);
}

}  // namespace

Event AbandonOrFail(const RunState& run, absl::string_view why, absl::Time now) {
  const RoundState& round = *run.Current();
  const CohortPlan& cohort = run.plan.cohort;
  std::string reason = absl::StrCat(why, ": ", round.contributions.size(), " of at least ",
                                    round.minimum, " updates");
  if (!round.failures.empty()) {
    const auto& [site, failure] = *round.failures.begin();
    absl::StrAppend(&reason, "; ", round.failures.size(), " failed, first site ", site, ": ",
                    failure);
  }
  const int32_t attempt = round.id.attempt - run.attempt_base;
  if (attempt >= cohort.attempts) {
    return {now,
            RunEnded{RunPhase::kFailed, absl::StrCat(ToString(round.id), ", the last: ", reason)}};
  }
  return {now, RoundAbandoned{reason, now + BackoffAfter(cohort, attempt)}};
}

int64_t DriftNeeded(const Plan& plan, int64_t sites) {
  const int64_t of = std::max(sites, plan.cohort.minimum);
  return std::max(plan.start.at_least_sites, CeilShare(plan.start.on_drift_share, of));
}

Decision Decide(const RunState& run, const std::vector<std::string>& available, absl::Time now,
                const std::vector<std::string>& busy_in, const DriftCount& drift) {
  if (run.phase != RunPhase::kRunning) return Wait{absl::InfiniteFuture(), ""};
  if (run.WaitsForDrift()) return DecideStart(run, drift, now);
  if (const RoundState* round = run.Current()) return DecideRound(run, *round, now);
  if (run.next_round > LastRound(run.plan)) {
    return Event{now, RunEnded{RunPhase::kFinished, "all rounds done"}};
  }
  return DecideOpening(run, available, now, busy_in);
}

absl::Duration LongestBackoff(const CohortPlan& cohort) {
  return BackoffAfter(cohort, cohort.attempts - 1);
}

absl::Time LastTurn(const RunState& run) {
  return run.rounds.empty() ? run.created : run.rounds.back().ended;
}

}  // namespace millrace
