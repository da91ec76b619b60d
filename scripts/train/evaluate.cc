// SPDX-License-Identifier: Apache-2.0
#include "scripts/train/evaluate.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/data/load.h"
#include "models/metrics.h"

namespace millrace {
namespace {

std::vector<float> Targets(const Dataset& data) {
  std::vector<float> targets;
  for (const Example& example : data.examples) targets.push_back(example.target);
  return targets;
}

TestMetrics LifeMetrics(double cap, const Dataset& test, std::span<const float> predictions) {
  const std::vector<float> raw = Targets(test);
  std::vector<float> capped = raw;
  for (float& target : capped) target = std::min(target, static_cast<float>(cap));
  return {{"rmse_capped", Rmse(predictions, capped)},
          {"rmse_raw", Rmse(predictions, raw)},
          {"nasa_score", NasaScore(predictions, raw)}};
}

}  // namespace

Plan TestPlan(Plan plan) {
  if (plan.label.kind == LabelKind::kRunToFailure) {
    plan.label.cap = std::numeric_limits<float>::max();
  }
  return plan;
}

Dataset TestWindows(const Plan& plan, std::vector<Series> series) {
  if (plan.label.kind == LabelKind::kRunToFailure) return LastWindows(plan, std::move(series));
  Plan end_to_end = plan;
  end_to_end.input.stride = plan.input.window;
  return AllWindows(end_to_end, std::move(series));
}

TestMetrics MetricsOf(const Plan& plan, const Dataset& test, std::span<const float> outputs) {
  if (plan.label.kind == LabelKind::kRunToFailure) {
    return LifeMetrics(plan.label.cap, test, outputs);
  }
  const std::map<std::string, double> sums =
      MetricsFromSums(plan.task(), EvaluationSums(plan, test, outputs));
  switch (plan.task()) {
    case Task::kRegression:
      return {{"rmse", sums.at("rmse")}, {"mae", sums.at("mae")}};
    case Task::kClassification: {
      const std::vector<float> targets = Targets(test);
      const std::vector<int64_t> truth(targets.begin(), targets.end());
      return {{"accuracy", sums.at("accuracy")},
              {"macro_f1", MacroF1(ArgMax(outputs, plan.outputs()), truth, plan.outputs())}};
    }
    case Task::kReconstruction:
      return {{"mse", sums.at("mse")}};
  }
  return {};
}

absl::StatusOr<TestMetrics> Evaluate(const ModelPackage& model, const DataConfig& test,
                                     const TrainerFactory& new_trainer) {
  MR_ASSIGN_OR_RETURN(std::vector<Series> series, LoadSeries(test, TestPlan(model.plan)));
  if (model.scaling) {
    for (Series& one : series) model.scaling->Apply(one);
  }
  const Dataset windows = TestWindows(model.plan, std::move(series));
  if (windows.size() == 0) {
    return absl::InvalidArgumentError(absl::StrCat(test.path, ": no labelled window of ",
                                                   model.plan.input.window, " steps to test on"));
  }
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<Trainer> trainer,
                      new_trainer(model.plan, model.architecture));
  MR_ASSIGN_OR_RETURN(const std::vector<float> outputs,
                      trainer->Predict(model.parameters, windows));
  return MetricsOf(model.plan, windows, outputs);
}

}  // namespace millrace
