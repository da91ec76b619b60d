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
        work = {run.state.plan, *round, run.state.Newest(), &run.architecture.layout,
                run.bytes_down};
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
      if (const absl::Status status = Record(run, *event); !status.ok()) {
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
  uploads_.DiscardRound(run.state.rounds.back().id);
  run.staged = false;
}

absl::Status Engine::Fold(const RoundWork& work) {
  std::unique_ptr<RoundFold>& fold = folds_[work.round.id.run];
  if (fold == nullptr || fold->round() != work.round.id) {
    const UpdateShape shape = ShapeOf(work.plan, work.round.task, *work.layout);
    fold = std::make_unique<RoundFold>(work.round.id, shape, &uploads_);
  }
  const absl::Status status = fold->Advance(work.round);
  if (!status.ok()) folds_.erase(work.round.id.run);
  return Annotate(status, ToString(work.round.id));
}

absl::StatusOr<RoundCommitted> Engine::Aggregate(const RoundWork& work) {
  MR_RETURN_IF_ERROR(Fold(work));
  const WeightedSum& sum = folds_[work.round.id.run]->sum();
  MR_ASSIGN_OR_RETURN(const std::vector<double> statistics, DecodeExact(sum.statistics()));
  MR_ASSIGN_OR_RETURN(RoundResult result,
                      ReadStatistics(work.plan, work.round.task, statistics));
  RoundCommitted committed;
  committed.scaling = std::move(result.scaling);
  committed.metrics = std::move(result.metrics);
  committed.examples = sum.total_weight();
  committed.bytes_down = work.bytes_down;
  if (work.round.task == TaskKind::kTraining) {
    MR_ASSIGN_OR_RETURN(NextModel next,
                        CommitModel(work.plan.server, work.newest, sum, *parts_.blobs));
    committed.parameters = next.parameters;
    committed.optimizer_state = std::move(next.optimizer_state);
  }
  return committed;
}

}  // namespace millrace
