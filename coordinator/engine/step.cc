// SPDX-License-Identifier: Apache-2.0
// The half of the engine that acts: decide, record, fold, commit.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregation/exact_sum.h"
#include "base/log.h"
#include "base/status.h"
#include "coordinator/engine/commit.h"
#include "coordinator/engine/engine.h"

namespace millrace {
namespace {

/// Faults that may pass by themselves: the work is done again, nothing is given up.
bool IsTransient(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status) ||
         absl::IsPermissionDenied(status);
}

}  // namespace

absl::Time Engine::Step() {
  absl::MutexLock step_lock(&step_mutex_);
  std::vector<std::string> ids;
  {
    absl::MutexLock lock(&mutex_);
    for (const std::unique_ptr<Run>& run : runs_) {
      if (run->state.phase == RunPhase::kRunning || run->staged) ids.push_back(run->state.id);
    }
  }
  absl::Time wake = absl::InfiniteFuture();
  for (const std::string& id : ids) wake = std::min(wake, StepRun(id));
  return wake;
}

absl::Time Engine::StepRun(const std::string& id) {
  while (true) {
    RoundWork work;
    std::optional<Event> event;
    std::optional<Wait> wait;
    {
      absl::MutexLock lock(&mutex_);
      Run& run = **Find(id);
      CleanUp(run);
      Decision decision = Decide(run.state, Available(), parts_.clock->Now());
      if (Event* decided = std::get_if<Event>(&decision)) event = std::move(*decided);
      if (const Wait* decided = std::get_if<Wait>(&decision)) wait = *decided;
      if (const RoundState* round = run.state.Current(); round != nullptr && !event) {
        work = {run.state.plan,           *round,         run.state.Newest(),
                &run.architecture.layout, run.bytes_down, nullptr};
        if (const absl::Status loaded = LoadSecure(run); loaded.ok()) {
          work.secure = run.secure;
        } else if (std::holds_alternative<millrace::Aggregate>(decision)) {
          event = AbandonOrFail(run.state, loaded.message(), parts_.clock->Now());
        }
      }
    }
    const absl::Time now = parts_.clock->Now();
    if (wait) {
      if (work.layout == nullptr) return wait->until;
      const absl::Status folded = Fold(work);
      return folded.ok() ? wait->until : std::min(wait->until, now + options_.retry_after_fault);
    }
    if (!event) {
      absl::StatusOr<RoundCommitted> committed = Aggregate(work);
      if (!committed.ok() && IsTransient(committed.status())) {
        LogError("round not aggregated, trying again",
                 {{"round", ToString(work.round.id)}, {"error", committed.status().ToString()}});
        return now + options_.retry_after_fault;
      }
      absl::MutexLock lock(&mutex_);
      const RunState& state = (*Find(id))->state;
      if (state.Current() == nullptr) continue;  // stopped meanwhile
      event = committed.ok() ? Event{now, *std::move(committed)}
                             : AbandonOrFail(state, committed.status().message(), now);
    }
    {
      absl::MutexLock lock(&mutex_);
      Run& run = **Find(id);
      if (std::holds_alternative<PhaseClosed>(event->body)) event = ClosePhase(run, *event);
      if (const absl::Status status = Record(run, *event); !status.ok()) {
        run.secure.reset();  // may be ahead of the store
        LogError("event not recorded, trying again", {{"run", id}, {"error", status.ToString()}});
        return now + options_.retry_after_fault;
      }
      CleanUp(run);
    }
    Changed();
  }
}

void Engine::CleanUp(Run& run) {
  if (!run.staged || run.state.Current() != nullptr) return;
  folds_.erase(run.state.id);
  run.secure.reset();
  if (run.state.plan.secure.on()) {
    if (const absl::Status dropped = parts_.store->DropMessages(run.state.id); !dropped.ok()) {
      LogWarning("messages of a secure round not dropped",
                 {{"run", run.state.id}, {"error", dropped.ToString()}});
    }
  }
  uploads_.DiscardRound(run.state.rounds.back().id);
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
  const absl::Status status = fold->Advance(work.round);
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
  sum->AddMasks(masks.masks(), options_.unmask_threads);
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
    MR_ASSIGN_OR_RETURN(NextModel next,
                        CommitModel(work.plan.server, work.newest, sum.mean, *parts_.blobs));
    committed.parameters = next.parameters;
    committed.optimizer_state = std::move(next.optimizer_state);
  }
  return committed;
}

}  // namespace millrace
