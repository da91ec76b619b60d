// SPDX-License-Identifier: Apache-2.0
// Runs and rounds as text and JSON. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coordinator/cli/json.h"
#include "coordinator/cli/run_progress.h"
#include "millrace/v1/admin.pb.h"

namespace millrace {

/// "running", "finished", ...; "unknown" for a phase from a newer coordinator.
absl::string_view Name(v1::RunPhase phase);
absl::string_view Name(v1::RoundPhase phase);
absl::string_view Name(v1::TaskKind task);

std::string RunsText(const v1::ListRunsResponse& runs, absl::Time now, absl::TimeZone zone);
/// What there is to know of a run, and a row per attempt at a round.
std::string RunText(const v1::Run& run, absl::Time now, absl::TimeZone zone);

/// "round  7/30", "scaling", "evaluation".
std::string RoundLabel(const v1::Run& run, const v1::Round& round);
/// "round 7/30  4 sites  loss 0.0123  rmse 14.2  3.1 s", or why the attempt was given up.
std::string RoundEndedText(const v1::Run& run, const v1::Round& round);
/// "round 7/30  site press-7 failed: <reason>".
std::string SiteFailureText(const v1::Run& run, const SiteFailure& failed);
/// "run turbofan-1 waits for sites: 2 of at least 3 are here".
std::string HeldUpText(const v1::Run& run);
/// "run turbofan-1 finished: all rounds done (version 30, 5 min 3 s)".
std::string RunEndedText(const v1::Run& run);

/// The line that shows what is going on right now, at most `columns` wide: a bar of the updates
/// that are in, and the time to the deadline where the plan's `deadline` is known.
std::string LiveText(const v1::Run& run, std::optional<absl::Duration> deadline, absl::Time now,
                     size_t columns);

/// Without its rounds.
Json RunSummaryJson(const v1::Run& run);
Json RunJson(const v1::Run& run);
Json RunsJson(const v1::ListRunsResponse& runs);
Json RoundJson(const v1::Round& round);

}  // namespace millrace
