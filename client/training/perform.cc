// SPDX-License-Identifier: Apache-2.0
#include "client/training/perform.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregation/exact_sum.h"
#include "base/random.h"
#include "base/status.h"
#include "client/data/site_message.h"
#include "models/metrics.h"
#include "models/package.h"
#include "models/scaling.h"

namespace millrace {
namespace {

constexpr int64_t kMoments = 3;  // count, sum and sum of squares, as ScalingMoments gives them

absl::StatusOr<TaskKind> FromProto(v1::TaskKind kind) {
  switch (kind) {
    case v1::TASK_KIND_STATISTICS:
      return TaskKind::kStatistics;
    case v1::TASK_KIND_TRAINING:
      return TaskKind::kTraining;
    case v1::TASK_KIND_EVALUATION:
      return TaskKind::kEvaluation;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("assignment: unknown task ", static_cast<int>(kind)));
  }
}

/// Shortens `delta` to the L2 norm `bound`; 0 means no bound.
void ClipNorm(double bound, std::span<float> delta) {
  if (bound == 0) return;
  double squares = 0;
  for (const float x : delta) squares += static_cast<double>(x) * x;
  const double norm = std::sqrt(squares);
  if (norm <= bound) return;
  const auto factor = static_cast<float>(bound / norm);
  for (float& x : delta) x *= factor;
}

absl::Status AppendStatistics(std::span<const double> statistics, std::vector<float>& vector) {
  MR_ASSIGN_OR_RETURN(const std::vector<float> limbs, EncodeExact(statistics));
  vector.insert(vector.end(), limbs.begin(), limbs.end());
  return absl::OkStatus();
}

/// The statistics round's update. A moment that is too large is named by channel and mode.
absl::Status AppendMoments(const InputPlan& input, std::span<const double> moments,
                           std::vector<float>& vector) {
  const absl::Status all = AppendStatistics(moments, vector);
  if (all.ok()) return all;
  const auto bad = std::ranges::find_if(moments, [](const double& moment) {
    return !EncodeExact({&moment, 1}).ok();
  });
  const int64_t index = bad - moments.begin();
  const auto channels = static_cast<int64_t>(input.channels.size());
  return SiteMessage("channel ", input.channels[index / kMoments % channels], " in operating mode ",
                     index / kMoments / channels, ": its sums over this site's rows are too large ",
                     "to be added up exactly; give it a larger unit, or set [input] normalization ",
                     "= \"window\" or \"none\"",
                     Private{absl::StrCat(" (", all.message(), ")"), ""})
      .ToStatus(all.code());
}

/// Sums of metrics of `parameters` on held-back data; zeros where nothing is held back.
absl::StatusOr<std::vector<double>> Evaluate(const SiteTask& task,
                                             std::span<const float> parameters,
                                             const Dataset& validation, Trainer& trainer) {
  if (validation.size() == 0) {
    return std::vector<double>(EvaluationSumCount(task.plan.task()), 0);
  }
  MR_ASSIGN_OR_RETURN(const std::vector<float> outputs, trainer.Predict(parameters, validation));
  return EvaluationSums(task.plan, validation, outputs);
}

absl::StatusOr<Update> Train(const SiteTask& task, std::span<const float> parameters,
                             const DatasetSplit& data, Trainer& trainer,
                             const PerformOptions& options) {
  MR_ASSIGN_OR_RETURN(std::vector<double> statistics,
                      Evaluate(task, parameters, data.validation, trainer));
  const TrainingPlan& training = task.plan.training;
  TrainingRequest request;
  request.parameters = parameters;
  request.training = &data.training;
  request.validation = &data.validation;
  request.learning_rate = LearningRate(training, task.round, task.plan.run.rounds);
  request.seed =
      Random(task.plan.run.seed).Fork(absl::StrCat("train ", options.site, " ", task.round)).Next();
  request.on_progress = options.on_progress;
  MR_ASSIGN_OR_RETURN(TrainingResult result, trainer.Train(request));

  Update update;
  update.vector = std::move(result.parameters);
  for (size_t i = 0; i < parameters.size(); ++i) update.vector[i] -= parameters[i];
  ClipNorm(task.plan.update.clip_norm, update.vector);
  const auto examples = static_cast<double>(result.examples);
  update.weight = task.plan.update.weights == Weights::kEqual ? 1 : examples;
  statistics.push_back(result.loss * examples);
  statistics.push_back(examples);
  MR_RETURN_IF_ERROR(AppendStatistics(statistics, update.vector));
  return update;
}

}  // namespace

absl::StatusOr<SiteTask> ReadAssignment(const v1::Assignment& assignment) {
  SiteTask task;
  task.run = assignment.id().run();
  task.round = assignment.id().round();
  MR_ASSIGN_OR_RETURN(task.kind, FromProto(assignment.task()));
  MR_ASSIGN_OR_RETURN(task.plan, ParsePlan(assignment.plan()));
  MR_ASSIGN_OR_RETURN(task.architecture, BuildArchitecture(task.plan));
  const Layout& layout = task.architecture.layout;
  const std::string who = absl::StrCat("assignment ", task.run, " round ", task.round, ": ");
  if (task.kind != TaskOfRound(task.plan, task.round)) {
    return absl::InvalidArgumentError(absl::StrCat(who, "its task is not the round's"));
  }
  const int64_t parameters = task.kind == TaskKind::kTraining ? layout.size() : 0;
  const int64_t statistics = kExactLimbs * StatisticsCount(task.plan, task.kind);
  if (assignment.parameters() != parameters || assignment.statistics() != statistics) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, "asks for ", assignment.parameters(), " + ", assignment.statistics(),
                     " numbers, its plan gives ", parameters, " + ", statistics));
  }
  const std::string digest(layout.digest().bytes.begin(), layout.digest().bytes.end());
  if (assignment.layout_sha256() != digest) {
    return absl::InvalidArgumentError(absl::StrCat(who, "its layout is not its plan's"));
  }
  const bool needs_scaling = task.plan.input.normalization == Normalization::kFederated &&
                             task.kind != TaskKind::kStatistics;
  if (needs_scaling != assignment.has_scaling()) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, needs_scaling ? "has no scaling" : "has a scaling that is not due"));
  }
  if (needs_scaling) {
    MR_ASSIGN_OR_RETURN(task.scaling,
                        millrace::FromProto(assignment.scaling(),
                                            static_cast<int64_t>(task.plan.input.channels.size())));
  }
  return task;
}

absl::StatusOr<Update> Perform(const SiteTask& task, std::span<const float> parameters,
                               std::vector<Series> series, const TrainerFactory& new_trainer,
                               const PerformOptions& options) {
  Update update;
  if (task.kind == TaskKind::kStatistics) {
    update.weight = 1;
    MR_RETURN_IF_ERROR(
        AppendMoments(task.plan.input, ScalingMoments(task.plan.input, series), update.vector));
    return update;
  }
  if (static_cast<int64_t>(parameters.size()) != task.architecture.layout.size()) {
    return absl::InvalidArgumentError(absl::StrCat("model: ", parameters.size(),
                                                   " parameters, the plan's has ",
                                                   task.architecture.layout.size()));
  }
  if (task.scaling) {
    for (Series& one : series) task.scaling->Apply(one);
  }
  const uint64_t seed =
      Random(task.plan.run.seed).Fork(absl::StrCat("split ", options.site)).Next();
  const DatasetSplit data = SplitSeries(task.plan, std::move(series), seed);
  if (data.training.size() == 0) {
    return absl::FailedPreconditionError(absl::StrCat("site ", options.site,
                                                      ": its data give no training window of ",
                                                      task.plan.input.window, " steps"));
  }
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<Trainer> trainer,
                      new_trainer(task.plan, task.architecture));
  if (task.kind == TaskKind::kTraining) {
    return Train(task, parameters, data, *trainer, options);
  }
  update.weight = 1;
  MR_ASSIGN_OR_RETURN(const std::vector<double> statistics,
                      Evaluate(task, parameters, data.validation, *trainer));
  MR_RETURN_IF_ERROR(AppendStatistics(statistics, update.vector));
  return update;
}

}  // namespace millrace
