// SPDX-License-Identifier: Apache-2.0
// The half of the engine that acts: decide, record, fold, commit.

#include <algorithm>
#include <new>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregation/exact_sum.h"
#include "base/log.h"
#include "base/status.h"
#include "coordinator/engine/commit.h"
#include "coordinator/engine/engine.h"
#include "coordinator/round/run_id.h"
#include "coordinator/storage/retention.h"

namespace millrace {
namespace {

constexpr size_t kMasksAtOnce = 64;  // a fraction of a second for a million parameters

/// Faults that may pass by themselves: the work is done again, nothing is given up.
bool IsTransient(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status) ||
         absl::IsPermissionDenied(status);
}

}  // namespace

absl::Time Engine::Step() {
  absl::MutexLock step_lock(&step_mutex_);
  const absl::Time recheck = parts_.storage == nullptr
                                 ? absl::InfiniteFuture()
                                 : OnTheWall(parts_.storage->Probe(parts_.steady->Now()));
  std::vector<std::string> working;
  std::vector<std::pair<absl::Time, std::string>> opening;  // who had no turn for longest first
  const auto list = [&] {
    absl::MutexLock lock(&mutex_);
    working.clear();
    opening.clear();
    for (const std::unique_ptr<Run>& run : runs_) {
      if (run->state.phase != RunPhase::kRunning && !run->staged) continue;
      if (run->state.Current() != nullptr) {
        working.push_back(run->state.id);
      } else {
        opening.emplace_back(LastTurn(run->state), run->state.id);
      }
    }
    std::ranges::stable_sort(opening, {}, &std::pair<absl::Time, std::string>::first);
  };
  std::map<std::string, absl::Time> wake;
  list();
  // Rounds that end here free their sites for whoever is next.
  for (const std::string& id : working) wake[id] = StepWithinMemory(id, false);
  list();
  for (const auto& [turn, id] : opening) wake[id] = StepWithinMemory(id, true);
  ForgetOldRuns();
  absl::Time first = recheck;
  for (const auto& [id, time] : wake) first = std::min(first, time);
  return first;
}

absl::Time Engine::StepWithinMemory(const std::string& id, bool may_open) {
  try {
    return StepRun(id, may_open);
  } catch (const std::bad_alloc&) {
    folds_.erase(id);
  }
  absl::Status recorded;
  {
    absl::MutexLock lock(&mutex_);
    Run& run = **Find(id);
    const std::string why =
        absl::StrCat("the coordinator's memory does not suffice for a model of ",
                     run.architecture.layout.size(), " parameters; choose a smaller [model]");
    LogError("out of memory", {{"run", id}, {"note", why}});
    recorded = Record(run, {Now(), RunEnded{RunPhase::kFailed, why}});
  }
  if (!recorded.ok()) return TryAgain(id, "its end not recorded", recorded);
  Changed();
  return parts_.clock->Now();  // to clean up
}

absl::Time Engine::StepRun(const std::string& id, bool may_open) {
  while (true) {
    RoundWork work;
    std::optional<Event> event;
    std::optional<Wait> wait;
    {
      absl::MutexLock lock(&mutex_);
      Run& run = **Find(id);
      const absl::Time now = Now();
      if (parts_.steady->Now() < run.retry_at) return OnTheWall(run.retry_at);
      CleanUp(run);
      const FreeSites free = Available();
      const DriftCount drift = run.state.WaitsForDrift()
                                   ? sites_.CountDrift(run.state.plan, AtWork().sites)
                                   : DriftCount{};
      const Event returned{now, CoordinatorReturned{}};
      Decision decision = run.returning && CanApply(run.state, returned).ok()
                              ? returned
                              : Decide(run.state, free.sites, now, free.busy_in, drift);
      if (Event* decided = std::get_if<Event>(&decision)) event = std::move(*decided);
      if (const Wait* decided = std::get_if<Wait>(&decision)) wait = *decided;
      if (event && std::holds_alternative<RoundOpened>(event->body) &&
          !std::exchange(may_open, false)) {
        return now;
      }
      if (const RoundState* round = run.state.Current(); round != nullptr && !event) {
        work = {run.state.plan,           *round,         run.state.Newest(),
                &run.architecture.layout, run.bytes_down, nullptr};
        if (const absl::Status loaded = LoadSecure(run); loaded.ok()) {
          work.secure = run.secure;
        } else if (std::holds_alternative<millrace::Aggregate>(decision)) {
          event = AbandonOrFail(run.state, loaded.message(), now);
        }
      }
    }
    if (event && std::holds_alternative<RoundOpened>(event->body)) {
      if (const absl::Status storage = CheckStorage(); !storage.ok()) {
        return TryAgain(id, "no round opened", storage);
      }
    }
    if (wait) {
      if (work.layout != nullptr) {
        if (const absl::Status folded = Fold(work); !folded.ok()) {
          return std::min(wait->until, TryAgain(id, "round not folded", folded));
        }
      }
      HoldUp(id, wait->why);
      return wait->until;
    }
    if (!event) {
      const absl::Time begun = parts_.steady->Now();
      absl::StatusOr<RoundCommitted> committed = Aggregate(work);
      if (committed.ok() && parts_.observer != nullptr) {
        parts_.observer->Aggregated(parts_.steady->Now() - begun);
      }
      if (!committed.ok() && IsTransient(committed.status())) {
        return TryAgain(id, "round not aggregated", committed.status());
      }
      absl::MutexLock lock(&mutex_);
      const RunState& state = (*Find(id))->state;
      if (state.Current() == nullptr) continue;  // stopped meanwhile
      event = committed.ok() ? Event{Now(), *std::move(committed)}
                             : AbandonOrFail(state, committed.status().message(), Now());
    }
    absl::Status recorded;
    {
      absl::MutexLock lock(&mutex_);
      Run& run = **Find(id);
      if (std::holds_alternative<PhaseClosed>(event->body)) event = ClosePhase(run, *event);
      recorded = Record(run, *event);
      if (recorded.ok()) {
        run.state.held_up.clear();
        run.state.faulty = false;
        run.returning = false;
        CleanUp(run);
        if (std::holds_alternative<RoundCommitted>(event->body)) DropOldBlobs(run);
      } else {
        run.secure.reset();  // may be ahead of the store
      }
    }
    if (!recorded.ok()) return TryAgain(id, "event not recorded", recorded);
    Changed();
  }
}

void Engine::HoldUp(const std::string& id, const std::string& why) {
  {
    absl::MutexLock lock(&mutex_);
    RunState& state = (*Find(id))->state;
    // It may have ended since this was decided.
    if (state.held_up == why || state.phase != RunPhase::kRunning) return;
    state.held_up = why;
    state.faulty = false;
  }
  if (!why.empty()) LogInfo("run held up", {{"run", id}, {"by", why}});
  Changed();
}

absl::Time Engine::TryAgain(const std::string& id, absl::string_view what,
                            const absl::Status& fault) {
  const absl::Time retry_at = parts_.steady->Now() + options_.retry_after_fault;
  const std::string why = absl::StrCat(what, ", trying again: ", fault.message());
  bool changed = false;
  {
    absl::MutexLock lock(&mutex_);
    Run& run = **Find(id);
    run.retry_at = retry_at;
    if (run.state.phase != RunPhase::kRunning) return OnTheWall(retry_at);
    changed = std::exchange(run.state.held_up, why) != why;
    run.state.faulty = true;
  }
  if (changed) {
    LogError("run held up", {{"run", id}, {"by", why}});
    Changed();
  }
  return OnTheWall(retry_at);
}

void Engine::DropOldBlobs(const Run& run) {
  const std::set<Digest> own = KeptBlobs(run.state, options_.keep_versions);
  std::set<Digest> old;
  const auto consider = [&](const Digest& digest) {
    if (!own.contains(digest)) old.insert(digest);
  };
  const std::vector<ModelVersion>& versions = run.state.versions;
  for (const ModelVersion& version : versions) consider(version.parameters);
  if (versions.size() >= 2) {
    for (const Digest& digest : versions[versions.size() - 2].optimizer_state) consider(digest);
  }
  DropUnkept(run.state.id, old);
}

void Engine::DropUnkept(const std::string& of_run, const std::set<Digest>& blobs) {
  std::vector<Digest> there;
  for (const Digest& digest : blobs) {
    if (parts_.blobs->Has(digest)) there.push_back(digest);
  }
  if (there.empty()) return;
  std::set<Digest> kept(starting_.begin(), starting_.end());
  for (const std::unique_ptr<Run>& other : runs_) {
    kept.merge(KeptBlobs(other->state, options_.keep_versions));
  }
  for (const Digest& digest : there) {
    if (kept.contains(digest)) continue;
    if (const absl::Status removed = parts_.blobs->Remove(digest); !removed.ok()) {
      LogWarning("old blob not removed", {{"run", of_run}, {"error", removed.ToString()}});
    }
  }
}

void Engine::ForgetOldRuns() {
  if (options_.keep_runs == 0 || !CheckStorage().ok()) return;
  bool changed = false;
  {
    absl::MutexLock lock(&mutex_);
    if (std::ssize(runs_) <= options_.keep_runs) return;
    std::vector<EndedRun> ended;
    for (const std::unique_ptr<Run>& run : runs_) {
      if (run->state.phase != RunPhase::kRunning && !run->staged) {
        ended.push_back({run->state.id, run->state.ended});
      }
    }
    for (const std::string& id : RunsToForget(std::move(ended), options_.keep_runs)) {
      const RunState& state = (*Find(id))->state;
      const std::string& name = state.plan.run.name;
      const int64_t number = RunNumber(state);
      if (const absl::Status forgotten = Noted(parts_.store->ForgetRun(id, name, number));
          !forgotten.ok()) {
        LogWarning("old run not forgotten", {{"run", id}, {"error", forgotten.ToString()}});
        break;
      }
      LogInfo("run forgotten", {{"run", id}, {"ended", absl::FormatTime(state.ended)}});
      forgotten_[name] = std::max(forgotten_[name], number);
      const std::set<Digest> blobs = KeptBlobs(state, options_.keep_versions);
      std::erase_if(runs_, [&](const auto& run) { return run->state.id == id; });
      DropUnkept(id, blobs);
      changed = true;
    }
  }
  if (changed) Changed();
}

void Engine::CleanUp(Run& run) {
  if (!run.staged || run.state.Current() != nullptr) return;
  folds_.erase(run.state.id);
  run.secure.reset();
  uploads_.DiscardRound(run.state.rounds.back().id);
  if (run.state.plan.secure.on()) {
    if (const absl::Status dropped = Noted(parts_.store->DropMessages(run.state.id));
        !dropped.ok()) {
      // They hold shares of secrets: the run is looked at again until they are gone.
      run.retry_at = parts_.steady->Now() + options_.retry_after_fault;
      LogWarning("messages of a secure round not dropped yet",
                 {{"run", run.state.id}, {"error", dropped.ToString()}});
      return;
    }
  }
  run.staged = false;
}

absl::Status Engine::Fold(const RoundWork& work) {
  std::unique_ptr<RoundFold>& fold = folds_[work.round.id.run];
  if (fold == nullptr || fold->round() != work.round.id) {
    const UpdateShape shape = ShapeOf(work.plan, work.round.task, *work.layout);
    fold = work.round.secure ? std::make_unique<RoundFold>(
                                   work.round.id, MaskedShapeOf(work.plan, shape), &uploads_)
                             : std::make_unique<RoundFold>(work.round.id, shape, &uploads_);
  }
  const absl::Status status = fold->Advance(work.round, [this] { GoesOn(); });
  if (!status.ok()) folds_.erase(work.round.id.run);
  return Annotate(status, ToString(work.round.id));
}

absl::StatusOr<Engine::RoundSum> Engine::Sum(const RoundWork& work) {
  MR_RETURN_IF_ERROR(Fold(work));
  RoundFold& fold = *folds_[work.round.id.run];
  RoundSum result;
  if (!work.round.secure) {
    const WeightedSum& sum = fold.sum();
    MR_ASSIGN_OR_RETURN(result.statistics, DecodeExact(sum.statistics()));
    result.weight = sum.total_weight();
    result.mean = MeanOf(sum);
    return result;
  }
  MR_ASSIGN_OR_RETURN(const MaskSet masks, work.secure->server().Recover());
  MR_ASSIGN_OR_RETURN(const FixedPoint fixed_point, FixedPointOf(work.plan));
  const auto sum = std::make_shared<MaskedSum>(fold.masked_sum());
  const std::vector<Mask> all = masks.masks();
  for (std::span<const Mask> left = all; !left.empty();) {
    const size_t count = std::min(left.size(), kMasksAtOnce);
    sum->AddMasks(left.first(count), options_.unmask_threads);
    left = left.subspan(count);
    GoesOn();
  }
  MR_ASSIGN_OR_RETURN(result.statistics, DecodeExact(sum->statistics()));
  const int64_t updates = std::ssize(work.round.contributions);
  MR_RETURN_IF_ERROR(CheckStatistics(work.plan, work.round.task, result.statistics, updates));
  result.weight = sum->total_weight();
  const double most =
      static_cast<double>(work.plan.update.max_weight) * static_cast<double>(updates);
  if (!(result.weight > 0 && result.weight <= most)) {
    return absl::InvalidArgumentError(absl::StrCat("the sum of the weights is ", result.weight,
                                                   ", must be above 0 and at most ", most));
  }
  const double share = WeightShare(work.plan, result.weight);
  result.mean = {sum->shape().parameters, [=](int64_t offset, std::span<float> mean) {
                   sum->Mean(fixed_point, share, offset, mean);
                 }};
  return result;
}

absl::StatusOr<RoundCommitted> Engine::Aggregate(const RoundWork& work) {
  MR_ASSIGN_OR_RETURN(const RoundSum sum, Sum(work));
  MR_ASSIGN_OR_RETURN(RoundResult result,
                      ReadStatistics(work.plan, work.round.task, sum.statistics));
  RoundCommitted committed;
  committed.scaling = std::move(result.scaling);
  committed.metrics = std::move(result.metrics);
  committed.examples = sum.weight;
  committed.bytes_down = work.bytes_down;
  if (work.round.task == TaskKind::kTraining) {
    const RoundMean mean{sum.mean.parameters, [&](int64_t offset, std::span<float> part) {
                           GoesOn();
                           sum.mean.read(offset, part);
                         }};
    MR_ASSIGN_OR_RETURN(NextModel next,
                        CommitModel(work.plan.server, work.newest, mean, *parts_.blobs));
    committed.parameters = next.parameters;
    committed.optimizer_state = std::move(next.optimizer_state);
  }
  return committed;
}

}  // namespace millrace
