// SPDX-License-Identifier: Apache-2.0
// What a round asks of a site, and the shape of the update that answers it.
#pragma once

#include <cstdint>

#include "plan/plan.h"

namespace millrace {

enum class TaskKind { kStatistics, kTraining, kEvaluation };

/// Round 0 sums scaling moments where the plan's normalization is federated; 1..rounds train;
/// rounds + 1 evaluates the final model.
TaskKind TaskOfRound(const Plan& plan, int64_t round);
int64_t FirstRound(const Plan& plan);
int64_t LastRound(const Plan& plan);

/// Numbers (before EncodeExact) in an update's statistics section:
///   statistics: ScalingMoments. training: EvaluationSums of the received model on held-back data,
///   then sum of training loss over examples, and those examples. evaluation: EvaluationSums.
int64_t StatisticsCount(const Plan& plan, TaskKind task);

}  // namespace millrace
