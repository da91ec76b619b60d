// SPDX-License-Identifier: Apache-2.0
// A tiny run, and its states, for tests of what is decided about them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "coordinator/round/update.h"
#include "models/catalogue/architecture.h"
#include "tests/testing/tiny_plan.h"

namespace millrace::testing {

/// 2026-01-01 00:00:00 UTC, where SimulatedClock begins too.
inline const absl::Time kStart = absl::FromUnixSeconds(1767225600);

inline Event At(absl::Time time, decltype(Event::body) body) { return {time, std::move(body)}; }

inline RunState NewRun(const TinyPlan& plan = {}) {
  absl::StatusOr<RunState> run =
      StartOf("tiny-1", At(kStart, RunStarted{plan.Text(), Sha256Of("start")}));
  MR_CHECK(run.ok());
  return *std::move(run);
}

inline void MustApply(RunState& run, const Event& event) {
  MR_CHECK(CanApply(run, event).ok());
  Apply(run, event);
}

/// The event that opens the next attempt for these sites, as many updates wanted as sites.
inline Event Opening(const RunState& run, std::vector<std::string> cohort, absl::Time time) {
  const auto target = static_cast<int64_t>(cohort.size());
  return At(time, RoundOpened{run.next_round, run.next_attempt, std::move(cohort), target});
}

inline Event Accepting(const std::string& site, absl::Time time, double weight = 1) {
  return At(time, UpdateAccepted{{site, Sha256Of(site), weight, 36}});
}

inline Layout LayoutOf(const RunState& run) { return BuildArchitecture(run.plan).value().layout; }

}  // namespace millrace::testing
