// SPDX-License-Identifier: Apache-2.0
#include "models/task.h"

#include "models/metrics.h"

namespace millrace {

TaskKind TaskOfRound(const Plan& plan, int64_t round) {
  if (round == 0) return TaskKind::kStatistics;
  return round <= plan.run.rounds ? TaskKind::kTraining : TaskKind::kEvaluation;
}

int64_t FirstRound(const Plan& plan) {
  return plan.input.normalization == Normalization::kFederated ? 0 : 1;
}

int64_t LastRound(const Plan& plan) { return plan.run.rounds + 1; }

int64_t StatisticsCount(const Plan& plan, TaskKind task) {
  switch (task) {
    case TaskKind::kStatistics:
      return plan.input.ModeCells() * static_cast<int64_t>(plan.input.channels.size()) * 3;
    case TaskKind::kTraining:
      return EvaluationSumCount(plan.task()) + 2;
    case TaskKind::kEvaluation:
      return EvaluationSumCount(plan.task());
  }
  return 0;
}

}  // namespace millrace
