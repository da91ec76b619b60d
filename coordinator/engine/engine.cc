// SPDX-License-Identifier: Apache-2.0
#include "coordinator/engine/engine.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "aggregation/secure/cohort_graph.h"
#include "base/log.h"
#include "base/name.h"
#include "base/status.h"
#include "base/text.h"
#include "coordinator/engine/task_proto.h"
#include "coordinator/round/replay.h"
#include "coordinator/round/run_id.h"
#include "coordinator/round/run_times.h"
#include "coordinator/store/event_json.h"
#include "models/package.h"

namespace millrace {
namespace {

/// True if the site is to do, or to go on doing, the round's work.
bool WantsWork(const RoundState& round, const std::string& site) {
  if (round.phase != RoundPhase::kOpen || !round.Invited(site) || round.failures.contains(site)) {
    return false;
  }
  const bool uploading = !round.secure || round.secure->phase <= SecurePhase::kMask;
  return uploading && !round.contributions.contains(site) &&
         (!round.secure || round.Members().contains(site));
}

EngineParts WithSteadyClock(EngineParts parts) {
  if (parts.steady == nullptr) parts.steady = parts.clock;
  return parts;
}

absl::Status NoSuchRun(const std::string& id, int64_t keep_runs) {
  return absl::NotFoundError(absl::StrCat(
      "run ", id, ": there is no such run",
      keep_runs == 0 ? "" : absl::StrCat("; of ended ones the coordinator keeps ", keep_runs)));
}

}  // namespace

Engine::Engine(const EngineParts& parts, const EngineOptions& options)
    : parts_(WithSteadyClock(parts)),
      options_(options),
      uploads_(parts.uploads, options.max_staged_bytes),
      sites_(parts.store, parts_.clock, parts_.steady, options.allowed_sites, options.presence) {}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(const EngineParts& parts,
                                                       const EngineOptions& options) {
  std::unique_ptr<Engine> engine(new Engine(parts, options));
  MR_RETURN_IF_ERROR(engine->Load());
  return engine;
}

absl::Status Engine::Load() {
  MR_ASSIGN_OR_RETURN(const std::vector<StoredRun> stored, parts_.store->LoadRuns());
  absl::MutexLock lock(&mutex_);
  const absl::Time now = Now();
  MR_RETURN_IF_ERROR(sites_.Load());
  MR_ASSIGN_OR_RETURN(const std::vector<ForgottenRuns> forgotten, parts_.store->LoadForgotten());
  for (const ForgottenRuns& runs : forgotten) forgotten_[runs.name] = runs.number;
  for (const StoredRun& record : stored) {
    auto run = std::make_unique<Run>();
    MR_ASSIGN_OR_RETURN(run->state, Replay(record.id, record.events));
    BoundTimes(run->state, now);
    run->staged = !run->state.rounds.empty();
    const RoundState* const open = run->state.Current();
    run->returning = open != nullptr && open->phase == RoundPhase::kOpen;
    if (open != nullptr) MR_RETURN_IF_ERROR(uploads_.CountStaged(open->id));
    MR_ASSIGN_OR_RETURN(run->architecture, BuildArchitecture(run->state.plan));
    runs_.push_back(std::move(run));
  }
  for (const std::unique_ptr<Run>& run : runs_) DropOldBlobs(*run);
  return absl::OkStatus();
}

absl::Time Engine::Now() {
  const ClockJumps::Reading now = clock_jumps_.Read(parts_.clock, parts_.steady);
  if (now.jump == absl::ZeroDuration()) return now.wall;
  LogWarning("the clock was set", {{"by_s", absl::ToDoubleSeconds(now.jump)}});
  for (const std::unique_ptr<Run>& run : runs_) {
    if (run->state.phase == RunPhase::kRunning) MoveTimes(run->state, now.jump);
  }
  return now.wall;
}

absl::StatusOr<Engine::Run*> Engine::Find(const std::string& id) {
  for (const std::unique_ptr<Run>& run : runs_) {
    if (run->state.id == id) return run.get();
  }
  return NoSuchRun(id, options_.keep_runs);
}

Engine::Run* Engine::FindCalled(const std::string& given) const {
  for (const std::unique_ptr<Run>& run : runs_) {
    if (IsCalled(run->state, given)) return run.get();
  }
  return nullptr;
}

int64_t Engine::NextNumber(const std::string& name) const {
  const auto forgotten = forgotten_.find(name);
  int64_t last = forgotten == forgotten_.end() ? 0 : forgotten->second;
  for (const std::unique_ptr<Run>& run : runs_) {
    if (run->state.plan.run.name == name) last = std::max(last, RunNumber(run->state));
  }
  return last + 1;
}

absl::Status Engine::CheckStorage() const {
  return parts_.storage == nullptr ? absl::OkStatus() : parts_.storage->Check();
}

absl::Status Engine::Noted(const absl::Status& of_the_store) const {
  if (parts_.storage != nullptr) parts_.storage->Note(of_the_store);
  return of_the_store;
}

absl::Status Engine::Record(Run& run, const Event& event) {
  MR_RETURN_IF_ERROR(CanApply(run.state, event));
  std::vector<Event> batch = run.pending;
  batch.push_back(event);
  const int64_t stored = run.state.events - std::ssize(run.pending);
  MR_RETURN_IF_ERROR(
      Noted(parts_.store->Append(run.state.id, stored, batch, run.pending_messages)));
  run.pending.clear();
  run.pending_messages.clear();
  Observe(run.state, event);
  Apply(run.state, event);
  if (const auto* committed = std::get_if<RoundCommitted>(&event.body)) {
    run.bytes_down -= committed->bytes_down;
  }
  run.staged = run.staged || run.state.Current() != nullptr;
  const RoundState* round = run.state.rounds.empty() ? nullptr : &run.state.rounds.back();
  LogInfo(EventKind(event), {{"run", run.state.id},
                             {"round", round == nullptr ? -1 : round->id.round},
                             {"attempt", round == nullptr ? 0 : round->id.attempt},
                             {"updates", round == nullptr ? 0 : round->contributions.size()},
                             {"note", round == nullptr ? run.state.note : round->note}});
  return absl::OkStatus();
}

absl::Status Engine::CheckStaging(const Plan& plan, const Architecture& architecture) const {
  const UpdateShape shape = ShapeOf(plan, TaskKind::kTraining, architecture.layout);
  const int64_t bytes = plan.secure.on() ? MaskedShapeOf(plan, shape).bytes() : shape.bytes();
  const int64_t sites = plan.cohort_size();
  if (options_.max_staged_bytes == 0 || bytes <= options_.max_staged_bytes / sites) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "run ", plan.run.name, ": the updates of its ", sites, " sites have ", bytes,
      " bytes each and would not fit into the coordinator's [storage] staging_mb = ",
      options_.max_staged_bytes >> 20, "; raise it, or choose a smaller [model] or [cohort]"));
}

absl::StatusOr<std::string> Engine::StartRun(const std::string& plan_text) {
  MR_ASSIGN_OR_RETURN(const Plan plan, ParsePlan(plan_text));
  MR_ASSIGN_OR_RETURN(Architecture architecture, BuildArchitecture(plan));
  MR_RETURN_IF_ERROR(CheckSecurePlan(plan));
  if (const int64_t parameters = architecture.layout.size(); parameters > options_.max_parameters) {
    return absl::InvalidArgumentError(
        absl::StrCat("run ", plan.run.name, ": its model has ", parameters,
                     " parameters, this coordinator takes ", options_.max_parameters,
                     "; choose a smaller [model], or raise [limits] parameters in the "
                     "coordinator's configuration"));
  }
  MR_RETURN_IF_ERROR(CheckStaging(plan, architecture));
  MR_RETURN_IF_ERROR(Annotate(CheckStorage(), absl::StrCat("run ", plan.run.name)));
  const std::vector<float> start = InitialParameters(architecture, plan.run.seed);
  const absl::string_view bytes(reinterpret_cast<const char*>(start.data()),
                                start.size() * sizeof(float));
  const Digest digest = Sha256Of(bytes);
  // Another run may let go of the very same blob before this one refers to it.
  {
    absl::MutexLock lock(&mutex_);
    starting_.insert(digest);
  }
  const absl::Cleanup started = [&] {
    absl::MutexLock lock(&mutex_);
    starting_.extract(digest);
  };
  MR_RETURN_IF_ERROR(WriteBlob(parts_.blobs, bytes).status());
  std::string id;
  {
    absl::MutexLock lock(&mutex_);
    const Event event{Now(), RunStarted{plan_text, digest}};
    id =
        MakeRunId(plan.run.name, NextNumber(plan.run.name), parts_.run_tag ? parts_.run_tag() : "");
    MR_RETURN_IF_ERROR(Annotate(CheckName("run", id), "its [run] name is too long, shorten it"));
    auto run = std::make_unique<Run>();
    MR_ASSIGN_OR_RETURN(run->state, StartOf(id, event));
    run->architecture = std::move(architecture);
    MR_RETURN_IF_ERROR(Noted(parts_.store->Append(id, 0, std::span(&event, 1))));
    runs_.push_back(std::move(run));
  }
  LogInfo("run_started", {{"run", id},
                          {"parameters", static_cast<int64_t>(start.size())},
                          {"secure_aggregation", Name(plan.secure.mode)}});
  Changed();
  return id;
}

absl::Status Engine::StopRun(const std::string& id, const std::string& reason) {
  {
    absl::MutexLock lock(&mutex_);
    Run* const run = FindCalled(id);
    if (run == nullptr) return NoSuchRun(id, options_.keep_runs);
    if (run->state.phase != RunPhase::kRunning) return absl::OkStatus();
    MR_RETURN_IF_ERROR(Record(*run, {Now(), RunEnded{RunPhase::kStopped, reason}}));
    // It waits for nothing any more.
    run->state.held_up.clear();
    run->state.faulty = false;
  }
  Changed();
  return absl::OkStatus();
}

absl::StatusOr<RunState> Engine::GetRun(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const Run* const run = FindCalled(id);
  if (run == nullptr) return NoSuchRun(id, options_.keep_runs);
  return run->state;
}

std::vector<RunState> Engine::Runs() const {
  absl::MutexLock lock(&mutex_);
  std::vector<RunState> states;
  for (const std::unique_ptr<Run>& run : runs_) states.push_back(run->state);
  return states;
}

std::vector<v1::Site> Engine::Sites() const {
  absl::MutexLock lock(&mutex_);
  return sites_.List();
}

v1::Assignment Engine::AssignmentOf(const Run& run, const RoundState& round) const {
  const UpdateShape shape = ShapeOf(run.state.plan, round.task, run.architecture.layout);
  v1::Assignment assignment;
  assignment.mutable_id()->set_run(round.id.run);
  assignment.mutable_id()->set_round(round.id.round);
  assignment.mutable_id()->set_attempt(round.id.attempt);
  assignment.set_task(ToProto(round.task));
  assignment.set_plan(run.state.plan_text);
  if (round.task != TaskKind::kStatistics) assignment.set_model_sha256(round.model.ToBytes());
  assignment.set_layout_sha256(run.architecture.layout.digest().ToBytes());
  assignment.set_parameters(shape.parameters);
  assignment.set_statistics(shape.statistics);
  if (run.state.scaling) *assignment.mutable_scaling() = millrace::ToProto(*run.state.scaling);
  const absl::Duration remaining = round.deadline - parts_.clock->Now();
  assignment.set_remaining_ms(std::max<int64_t>(0, absl::ToInt64Milliseconds(remaining)));
  return assignment;
}

absl::StatusOr<std::optional<v1::Assignment>> Engine::CheckIn(const std::string& site,
                                                              const std::string& version,
                                                              const std::string& objection) {
  std::optional<RoundId> declined;
  bool arrived = false;
  {
    absl::MutexLock lock(&mutex_);
    Now();  // what is left of the round's time is told
    const bool was_here = sites_.TakesWork(site);
    MR_RETURN_IF_ERROR(Noted(sites_.CheckIn(site, Utf8(version), Utf8(objection))));
    for (const std::unique_ptr<Run>& run : runs_) {
      const RoundState* round = run->state.Current();
      if (round == nullptr || !WantsWork(*round, site)) continue;
      if (objection.empty()) return AssignmentOf(*run, *round);
      declined = round->id;
    }
    arrived = !was_here && objection.empty();
  }
  if (declined) MR_RETURN_IF_ERROR(ReportFailure(site, *declined, objection));
  if (arrived) Changed();  // a round may have waited for it
  return std::nullopt;
}

void Engine::NoteServing(const std::string& site, std::vector<v1::ServedModel> models) {
  absl::MutexLock lock(&mutex_);
  sites_.Serve(site, std::move(models));
}

void Engine::NoteDrift(const std::string& site, std::vector<ModelDrift> drift) {
  {
    absl::MutexLock lock(&mutex_);
    if (!sites_.NoteDrift(site, std::move(drift))) return;
  }
  Changed();
}

void Engine::PutOut(const std::string& site) {
  absl::MutexLock lock(&mutex_);
  sites_.PutOut(site);
}

absl::Status Engine::Admit(const std::string& site) {
  absl::MutexLock lock(&mutex_);
  return sites_.Admit(site);
}

void Engine::Leave(const std::string& site) {
  absl::MutexLock lock(&mutex_);
  sites_.Leave(site);
}

bool Engine::Report(const std::string& site, const v1::ReportRequest& report) {
  absl::MutexLock lock(&mutex_);
  sites_.Report(site, report);
  const v1::RoundId& id = report.round();
  const absl::StatusOr<Run*> run = Find(id.run());
  const RoundState* round = run.ok() ? (*run)->state.Current() : nullptr;
  return round != nullptr && round->phase == RoundPhase::kOpen &&
         round->id == RoundId{id.run(), id.round(), id.attempt()};
}

absl::Status Engine::ReportFailure(const std::string& site, const RoundId& round,
                                   const std::string& reason) {
  {
    absl::MutexLock lock(&mutex_);
    MR_ASSIGN_OR_RETURN(Run* const run, Find(round.run));
    const RoundState* current = run->state.Current();
    if (current == nullptr || current->id != round) {
      return absl::FailedPreconditionError(
          absl::StrCat("site ", site, ": failure in ", ToString(round), ": the round is over"));
    }
    if (current->failures.contains(site)) return absl::OkStatus();
    MR_RETURN_IF_ERROR(Record(*run, {Now(), SiteFailed{site, Utf8(reason)}}));
  }
  Changed();
  return absl::OkStatus();
}

Engine::SitesAtWork Engine::AtWork() const {
  SitesAtWork busy;
  for (const std::unique_ptr<Run>& run : runs_) {
    const RoundState* round = run->state.Current();
    if (round == nullptr || round->phase != RoundPhase::kOpen) continue;
    const size_t others = busy.sites.size();
    for (const std::string& site : round->cohort) {
      if (!round->contributions.contains(site) && !round->failures.contains(site)) {
        busy.sites.insert(site);
      }
    }
    if (busy.sites.size() > others) busy.runs.push_back(run->state.id);
  }
  return busy;
}

Engine::FreeSites Engine::Available() const {
  SitesAtWork busy = AtWork();
  FreeSites free{sites_.Present(), std::move(busy.runs)};
  std::erase_if(free.sites, [&](const std::string& site) { return busy.sites.contains(site); });
  return free;
}

}  // namespace millrace
