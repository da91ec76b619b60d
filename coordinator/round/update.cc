// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/update.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "aggregation/exact_sum.h"
#include "base/status.h"

namespace millrace {
namespace {

// How long sites may take to find a coordinator that is back; twice their longest back-off.
constexpr absl::Duration kReturn = absl::Seconds(60);

absl::Status NotNow(const RunState& run, absl::string_view what) {
  const RoundState* round = run.Current();
  return absl::FailedPreconditionError(absl::StrCat(
      "run ", run.id, ": ", what,
      round == nullptr ? ": no round is open" : absl::StrCat(": ", ToString(round->id))));
}

absl::Status RequirePhase(const RunState& run, RoundPhase phase, absl::string_view what) {
  const RoundState* round = run.Current();
  if (round == nullptr || round->phase != phase) return NotNow(run, what);
  return absl::OkStatus();
}

absl::Status RequireMember(const RoundState& round, const std::string& site) {
  if (!round.Invited(site)) {
    return absl::FailedPreconditionError(
        absl::StrCat("site ", site, ": was not invited to ", ToString(round.id)));
  }
  if (round.secure && !round.Members().contains(site)) {
    return absl::FailedPreconditionError(
        absl::StrCat("site ", site, ": ", ToString(round.id), " went on to the phase ",
                     std::string(Name(round.secure->phase)), " without it"));
  }
  return absl::OkStatus();
}

struct Allowed {
  const RunState& run;

  absl::Status operator()(const RunStarted&) const {
    return absl::AlreadyExistsError(absl::StrCat("run ", run.id, ": has started already"));
  }
  absl::Status operator()(const DriftReached&) const {
    return run.WaitsForDrift() ? absl::OkStatus() : NotNow(run, "waits for no drift");
  }
  absl::Status operator()(const RoundOpened& event) const {
    if (run.WaitsForDrift()) return NotNow(run, "waits for drift");
    if (run.Current() != nullptr) return NotNow(run, "cannot open another round");
    if (event.round != run.next_round || event.attempt != run.next_attempt) {
      return NotNow(run, absl::StrCat("cannot open round ", event.round));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const CoordinatorReturned&) const {
    return RequirePhase(run, RoundPhase::kOpen, "has nobody to wait for");
  }
  absl::Status operator()(const UpdateAccepted& event) const {
    MR_RETURN_IF_ERROR(RequirePhase(run, RoundPhase::kOpen, "takes no updates"));
    const RoundState& round = *run.Current();
    const std::string& site = event.contribution.site;
    if (!round.TakesUpdates()) return NotNow(run, "takes no updates in this phase");
    MR_RETURN_IF_ERROR(RequireMember(round, site));
    if (round.contributions.contains(site)) {
      return absl::AlreadyExistsError(
          absl::StrCat("site ", site, ": its update for ", ToString(round.id), " is in already"));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const SiteAdvanced& event) const {
    MR_RETURN_IF_ERROR(RequirePhase(run, RoundPhase::kOpen, "has no secure phase"));
    const RoundState& round = *run.Current();
    if (!round.secure || round.secure->phase == SecurePhase::kMask) {
      return NotNow(run, "waits for updates");
    }
    MR_RETURN_IF_ERROR(RequireMember(round, event.site));
    if (round.Done(event.site)) {
      return absl::AlreadyExistsError(absl::StrCat("site ", event.site, ": its message for ",
                                                   ToString(round.id), " is in already"));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const PhaseClosed&) const {
    MR_RETURN_IF_ERROR(RequirePhase(run, RoundPhase::kOpen, "has no secure phase"));
    return run.Current()->secure ? absl::OkStatus() : NotNow(run, "does not aggregate securely");
  }
  absl::Status operator()(const SiteFailed& event) const {
    MR_RETURN_IF_ERROR(RequirePhase(run, RoundPhase::kOpen, "takes no failure reports"));
    const RoundState& round = *run.Current();
    if (!round.Invited(event.site) || round.Done(event.site) ||
        round.failures.contains(event.site)) {
      return absl::FailedPreconditionError(
          absl::StrCat("site ", event.site, ": has nothing to fail in ", ToString(round.id)));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const RoundClosed&) const {
    MR_RETURN_IF_ERROR(RequirePhase(run, RoundPhase::kOpen, "cannot close a round"));
    return run.Current()->secure ? NotNow(run, "has phases to go") : absl::OkStatus();
  }
  absl::Status operator()(const RoundCommitted&) const {
    return RequirePhase(run, RoundPhase::kClosed, "cannot commit a round");
  }
  absl::Status operator()(const RoundAbandoned&) const {
    if (run.Current() == nullptr) return NotNow(run, "cannot abandon a round");
    return absl::OkStatus();
  }
  absl::Status operator()(const RunRestored& event) const {
    if (event.attempt_base >= run.next_attempt) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("run ", run.id, ": attempts above ", event.attempt_base, " may have been"));
  }
  absl::Status operator()(const RunEnded&) const { return absl::OkStatus(); }
};

struct Transition {
  RunState& run;
  absl::Time time;

  RoundState& round() const { return run.rounds.back(); }
  absl::Time PhaseDeadline() const { return time + absl::Seconds(run.plan.secure.phase_s); }

  void operator()(const RunStarted&) const {}
  void operator()(const DriftReached& event) const {
    run.started_by = event;
    run.waiting_since = time;  // the patience with sites begins here
    run.note = ToString(event);
  }
  void operator()(const RoundOpened& event) const {
    RoundState opened;
    opened.id = {run.id, event.round, event.attempt};
    opened.task = TaskOfRound(run.plan, event.round);
    opened.model = run.Newest().parameters;
    opened.cohort = event.cohort;
    opened.target = event.target;
    opened.minimum = run.plan.cohort.minimum;
    opened.opened = time;
    opened.deadline = time + absl::Seconds(run.plan.cohort.deadline_s);
    if (run.plan.secure.on()) opened.secure.emplace().deadline = PhaseDeadline();
    run.rounds.push_back(std::move(opened));
    run.note.clear();
  }
  void operator()(const CoordinatorReturned&) const {
    // At least the time to return, also where the clock was set forward meanwhile; at most that of
    // a whole round, where it was set back.
    const absl::Duration whole = absl::Seconds(run.plan.cohort.deadline_s);
    round().deadline = std::clamp(round().deadline, time + std::min(whole, kReturn), time + whole);
    if (!round().secure) return;
    SecureProgress& secure = *round().secure;
    secure.deadline = secure.phase == SecurePhase::kMask ? round().deadline : PhaseDeadline();
  }
  void operator()(const SiteAdvanced& event) const {
    round().failures.erase(event.site);
    round().secure->done[round().secure->phase].insert(event.site);
  }
  void operator()(const PhaseClosed& event) const {
    SecureProgress& secure = *round().secure;
    secure.deadline = PhaseDeadline();
    switch (secure.phase) {
      case SecurePhase::kAdvertise:
        secure.phase = SecurePhase::kShare;
        return;
      case SecurePhase::kShare:
        secure.phase = SecurePhase::kMask;
        secure.deadline = round().deadline;
        return;
      case SecurePhase::kMask:
        secure.phase = run.plan.secure.mode == SecureMode::kMalicious ? SecurePhase::kAgree
                                                                      : SecurePhase::kUnmask;
        return;
      case SecurePhase::kAgree:
        secure.phase = SecurePhase::kUnmask;
        return;
      case SecurePhase::kUnmask:
        round().phase = RoundPhase::kClosed;
        round().note = event.reason;
        return;
    }
  }
  void operator()(const UpdateAccepted& event) const {
    round().failures.erase(event.contribution.site);
    round().contributions[event.contribution.site] = event.contribution;
  }
  void operator()(const SiteFailed& event) const { round().failures[event.site] = event.reason; }
  void operator()(const RoundClosed& event) const {
    round().phase = RoundPhase::kClosed;
    round().note = event.reason;
  }
  void operator()(const RoundCommitted& event) const {
    RoundState& ended = round();
    ended.phase = RoundPhase::kCommitted;
    ended.ended = time;
    ended.metrics = event.metrics;
    ended.bytes_down = event.bytes_down;
    if (event.scaling) run.scaling = event.scaling;
    if (ended.task != TaskKind::kStatistics) {
      run.versions.back().metrics = event.metrics;
      run.versions.back().metrics.erase(kTrainLoss);  // of the version in the making
    }
    if (event.parameters) {
      ModelVersion version;
      version.version = ended.id.round;
      version.parameters = *event.parameters;
      version.optimizer_state = event.optimizer_state;
      version.sites = static_cast<int64_t>(ended.contributions.size());
      version.examples = event.examples;
      version.created = time;
      run.versions.push_back(std::move(version));
    }
    run.next_round = ended.id.round + 1;
    run.next_attempt = run.attempt_base + 1;
    run.waiting_since = time;
  }
  void operator()(const RoundAbandoned& event) const {
    RoundState& ended = round();
    ended.phase = RoundPhase::kAbandoned;
    ended.ended = time;
    ended.note = event.reason;
    run.next_attempt = ended.id.attempt + 1;
    run.waiting_since = event.retry_at;
    run.note = absl::StrCat(ToString(ended.id), ": ", event.reason);
  }
  void GiveUp(const std::string& why) const {
    if (run.Current() == nullptr) return;
    round().phase = RoundPhase::kAbandoned;
    round().ended = time;
    round().note = why;
  }
  void operator()(const RunRestored& event) const {
    GiveUp("restored from a backup");
    run.attempt_base = event.attempt_base;
    run.next_attempt = event.attempt_base + 1;
    run.waiting_since = time;
    run.note = "restored from a backup";
  }
  void operator()(const RunEnded& event) const {
    GiveUp(event.reason);
    run.phase = event.phase;
    run.ended = time;
    run.note = event.reason;
  }
};

}  // namespace

absl::Status CanApply(const RunState& run, const Event& event) {
  if (run.phase != RunPhase::kRunning) {
    return absl::FailedPreconditionError(absl::StrCat("run ", run.id, ": has ended"));
  }
  return std::visit(Allowed{run}, event.body);
}

void Apply(RunState& run, const Event& event) {
  std::visit(Transition{run, event.time}, event.body);
  ++run.events;
}

absl::StatusOr<RunState> StartOf(const std::string& run_id, const Event& event) {
  const RunStarted* started = std::get_if<RunStarted>(&event.body);
  if (started == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("run ", run_id, ": its first event is no start"));
  }
  RunState run;
  run.id = run_id;
  run.plan_text = started->plan_text;
  MR_ASSIGN_OR_RETURN(run.plan, ParsePlan(started->plan_text));
  run.created = event.time;
  run.waiting_since = event.time;
  run.events = 1;
  run.next_round = FirstRound(run.plan);
  ModelVersion start;
  start.parameters = started->parameters;
  start.created = event.time;
  run.versions.push_back(std::move(start));
  return run;
}

UpdateShape ShapeOf(const Plan& plan, TaskKind task, const Layout& layout) {
  UpdateShape shape;
  if (task == TaskKind::kTraining) shape.parameters = layout.size();
  shape.statistics = kExactLimbs * StatisticsCount(plan, task);
  return shape;
}

MaskedShape MaskedShapeOf(const Plan& plan, const UpdateShape& shape) {
  return {shape.parameters, shape.statistics, static_cast<int>(plan.secure.bits)};
}

absl::Status CheckUpdate(const RunState& run, const Layout& layout, const UpdateClaim& claim) {
  const std::string who = absl::StrCat("site ", claim.site, ": update for ", ToString(claim.round));
  const RoundState* round = run.Current();
  if (run.phase != RunPhase::kRunning || round == nullptr || round->id != claim.round) {
    const std::string current = run.phase != RunPhase::kRunning ? "the run has ended"
                                : round == nullptr
                                    ? absl::StrCat("round ", run.next_round, " is not open yet")
                                    : absl::StrCat("current is ", ToString(round->id));
    return absl::FailedPreconditionError(absl::StrCat(who, ": ", current));
  }
  if (round->phase != RoundPhase::kOpen) {
    return absl::FailedPreconditionError(absl::StrCat(who, ": the round is closed"));
  }
  if (const absl::Status member = RequireMember(*round, claim.site); !member.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(who, ": ", member.message()));
  }
  if (!round->TakesUpdates()) {
    return absl::FailedPreconditionError(
        absl::StrCat(who, ": the round is in the phase ", std::string(Name(round->secure->phase))));
  }
  const UpdateShape shape = ShapeOf(run.plan, round->task, layout);
  const int64_t bytes = round->secure ? MaskedShapeOf(run.plan, shape).bytes() : shape.bytes();
  if (claim.bytes != bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, ": length ", claim.bytes, " bytes, the round's updates have ", bytes));
  }
  if (claim.layout != layout.digest()) {
    return absl::InvalidArgumentError(absl::StrCat(who, ": layout ", claim.layout.Hex(),
                                                   ", the round's is ", layout.digest().Hex()));
  }
  if (round->secure) {
    if (claim.weight == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(who, ": weight ", claim.weight,
                     " in the clear; a masked update carries its weight inside"));
  }
  // Written so that NaN is refused as well.
  const auto max_weight = static_cast<double>(run.plan.update.max_weight);
  if (!(claim.weight > 0 && claim.weight <= max_weight)) {
    return absl::InvalidArgumentError(absl::StrCat(
        who, ": weight ", claim.weight, ", must be above 0 and at most max_weight ", max_weight));
  }
  if (run.plan.update.weights == Weights::kEqual && claim.weight != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, ": weight ", claim.weight, ", must be 1: the plan weighs sites equally"));
  }
  return absl::OkStatus();
}

}  // namespace millrace
