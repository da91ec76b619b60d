// SPDX-License-Identifier: Apache-2.0
// Runs and rounds as plain values. Nothing here knows a clock, a disk or a thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/crypto/digest.h"
#include "models/scaling.h"
#include "models/task.h"
#include "plan/plan.h"

namespace millrace {

struct RoundId {
  std::string run;
  int64_t round = 0;
  int32_t attempt = 1;
  auto operator<=>(const RoundId&) const = default;
};
/// "turbofan-1 round 3 attempt 1".
std::string ToString(const RoundId& id);

/// An update that is durable and counts.
struct Contribution {
  std::string site;
  Digest digest;
  double weight = 0;
  int64_t bytes = 0;
};

enum class RoundPhase { kOpen, kClosed, kCommitted, kAbandoned };

/// What the sites of an open round do while it aggregates securely, in this order; kAgree under
/// `malicious` only.
enum class SecurePhase { kAdvertise, kShare, kMask, kAgree, kUnmask };
/// "advertise", "share", ...
absl::string_view Name(SecurePhase phase);

struct SecureProgress {
  SecurePhase phase = SecurePhase::kAdvertise;
  absl::Time deadline;  // of the phase
  /// Sites whose message of a phase is in; of kMask the round's contributions are.
  std::map<SecurePhase, std::set<std::string>> done;
};

struct RoundState {
  RoundId id;
  TaskKind task = TaskKind::kTraining;
  Digest model;                     // parameters the cohort starts from
  std::vector<std::string> cohort;  // sorted; updates are folded in this order
  int64_t target = 1;
  int64_t minimum = 1;
  absl::Time opened;
  absl::Time deadline;
  RoundPhase phase = RoundPhase::kOpen;
  std::optional<SecureProgress> secure;               // absent: updates travel in the clear
  std::map<std::string, Contribution> contributions;  // by site
  std::map<std::string, std::string> failures;        // site -> reason
  absl::Time ended = absl::InfiniteFuture();
  std::map<std::string, double> metrics;
  std::string note;
  int64_t bytes_down = 0;

  bool Invited(const std::string& site) const;
  /// Sites that the round still waits for: those of the current phase that have neither done its
  /// work nor failed. Without secure aggregation the upload is the only phase.
  int64_t Outstanding() const;
  /// Sites that the current phase is open to: the cohort, and then those that did the phase before.
  std::set<std::string> Members() const;
  /// True if the site has done the current phase's work.
  bool Done(const std::string& site) const;
  /// True if updates may come in now.
  bool TakesUpdates() const;
};

/// The global model after a round, and what the server optimiser carries to the next.
struct ModelVersion {
  int64_t version = 0;
  Digest parameters;
  std::vector<Digest> optimizer_state;  // aggregation/server_optimizer.h's vectors
  int64_t sites = 0;
  double examples = 0;
  std::map<std::string, double> metrics;  // measured by the round after the one that made it
  absl::Time created;
};

/// The sites that were seen lately, and how many of them report drift of the plan's model.
struct DriftCount {
  int64_t sites = 0;
  int64_t drifting = 0;
};

/// The event: as many sites report drift as the plan waits for.
struct DriftReached {
  int64_t sites = 0;
  int64_t drifting = 0;
  int64_t needed = 0;
};
/// "drift at 2 of 4 sites (needed 2)".
std::string ToString(const DriftReached& reached);

enum class RunPhase { kRunning, kFinished, kFailed, kStopped };

/// The metric that a training round adds to those of the version it started from.
inline constexpr char kTrainLoss[] = "train_loss";

struct RunState {
  std::string id;
  std::string plan_text;
  Plan plan;
  RunPhase phase = RunPhase::kRunning;
  absl::Time created;
  absl::Time ended = absl::InfiniteFuture();
  std::string note;
  std::vector<RoundState> rounds;      // every attempt, oldest first
  std::vector<ModelVersion> versions;  // ascending; [0] is the start value
  std::optional<Scaling> scaling;
  std::optional<DriftReached> started_by;  // where its plan waits for drift
  int64_t next_round = 0;
  int32_t next_attempt = 1;
  int32_t attempt_base = 0;  // attempts are counted from the one behind it
  absl::Time waiting_since;  // when the next attempt could first have opened
  int64_t events = 0;        // applied so far
  // No event's: what keeps the run from going on at this moment, as the engine last found it, and
  // whether that is a fault, which nobody's plan waits for.
  std::string held_up;
  bool faulty = false;

  /// The round that takes updates or is being aggregated; null between rounds.
  const RoundState* Current() const;
  const ModelVersion& Newest() const { return versions.back(); }
  /// True until the drift is there that its plan has it wait for.
  bool WaitsForDrift() const { return plan.start.waits() && !started_by; }
};

// Events: what happened, as it is stored. A run is the fold of its events.

struct RunStarted {
  std::string plan_text;
  Digest parameters;
};
struct RoundOpened {
  int64_t round = 0;
  int32_t attempt = 1;
  std::vector<std::string> cohort;
  int64_t target = 1;
};
struct UpdateAccepted {
  Contribution contribution;
};
/// The coordinator is back after it went away with a round open: its sites get time to return.
struct CoordinatorReturned {};
/// A site's message of the current secure phase is in.
struct SiteAdvanced {
  std::string site;
};
/// The round goes on to the next secure phase with those who did the current one; after the last
/// phase the round is closed.
struct PhaseClosed {
  std::string reason;
};
struct SiteFailed {
  std::string site;
  std::string reason;
};
struct RoundClosed {
  std::string reason;
};
/// Ends a round well. A training round brings a version, a statistics round the scaling.
struct RoundCommitted {
  std::optional<Digest> parameters;
  std::vector<Digest> optimizer_state;
  std::optional<Scaling> scaling;
  double examples = 0;
  std::map<std::string, double> metrics;
  int64_t bytes_down = 0;
};
struct RoundAbandoned {
  std::string reason;
  absl::Time retry_at;
};
/// The run goes on from a backup. What came after the backup is forgotten here, but not at the
/// sites: the open round is given up, and attempts are counted from above all that may have been.
struct RunRestored {
  int32_t attempt_base = 0;
};
struct RunEnded {
  RunPhase phase = RunPhase::kFinished;
  std::string reason;
};

struct Event {
  absl::Time time;
  std::variant<RunStarted, DriftReached, RoundOpened, CoordinatorReturned, SiteAdvanced,
               PhaseClosed, UpdateAccepted, SiteFailed, RoundClosed, RoundCommitted, RoundAbandoned,
               RunRestored, RunEnded>
      body;
};

}  // namespace millrace
