// SPDX-License-Identifier: Apache-2.0
#include "scripts/train/train_alone.h"

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "aggregation/exact_sum.h"
#include "base/status.h"
#include "coordinator/engine/commit.h"
#include "scripts/train/describe.h"

namespace millrace {
namespace {

Plan PlanAlone(Plan plan, int64_t members) {
  plan.training.max_steps *= members;
  plan.training.proximal_mu = 0;
  plan.update.clip_norm = 0;
  return plan;
}

}  // namespace

absl::StatusOr<ModelPackage> TrainAlone(const std::string& plan_text, const Site& site,
                                        const TrainerFactory& new_trainer,
                                        const RoundListener& on_round) {
  ModelPackage model;
  MR_ASSIGN_OR_RETURN(model.plan, ParsePlan(plan_text));
  MR_ASSIGN_OR_RETURN(model.architecture, BuildArchitecture(model.plan));
  model.parameters = InitialParameters(model.architecture, model.plan.run.seed);
  const size_t parameters = model.parameters.size();

  SiteTask task{"alone",
                0,
                TaskKind::kStatistics,
                PlanAlone(model.plan, site.members),
                model.architecture,
                std::nullopt};
  double examples = 0;
  std::map<std::string, double> metrics;
  for (task.round = FirstRound(model.plan); task.round <= LastRound(model.plan); ++task.round) {
    task.kind = TaskOfRound(model.plan, task.round);
    absl::StatusOr<Update> update =
        Perform(task, model.parameters, site.series, new_trainer, {site.name, nullptr});
    if (!update.ok()) {
      return Annotate(update.status(), absl::StrCat("site ", site.name, ", round ", task.round));
    }
    const size_t weighted = task.kind == TaskKind::kTraining ? parameters : 0;
    for (size_t i = 0; i < weighted; ++i) model.parameters[i] += update->vector[i];
    if (task.kind == TaskKind::kTraining) examples = update->weight;

    const std::vector<double> limbs(update->vector.begin() + static_cast<int64_t>(weighted),
                                    update->vector.end());
    MR_ASSIGN_OR_RETURN(const std::vector<double> statistics, DecodeExact(limbs));
    MR_ASSIGN_OR_RETURN(RoundResult result, ReadStatistics(model.plan, task.kind, statistics));
    if (task.kind == TaskKind::kStatistics) task.scaling = std::move(result.scaling);
    if (on_round) on_round({task.round, task.kind, 1, result.metrics});
    metrics = std::move(result.metrics);
  }
  model.scaling = std::move(task.scaling);
  model.manifest = DescribeModel(plan_text, model, metrics);
  model.manifest.mutable_lineage()->set_sites(site.members);
  model.manifest.mutable_lineage()->set_examples(examples);
  return model;
}

}  // namespace millrace
