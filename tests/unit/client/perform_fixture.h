// SPDX-License-Identifier: Apache-2.0
// A plan of four parameters, data of eight rows, and a trainer that does as it is told.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "aggregation/exact_sum.h"
#include "client/training/perform.h"

namespace millrace::testing {

/// mlp 1 -> 1 -> 1: 2 + 2 parameters; windows of one row; the last quarter validates; the learning
/// rate of 0.1 halves with every round.
inline std::string PerformPlan(const std::string& update = "",
                               const std::string& normalization = "none") {
  return absl::StrCat(
      "secure_aggregation = \"off\"\n[run]\nname = \"tiny\"\nrounds = 2\nseed = 5\n"
      "[model]\nkind = \"mlp\"\nhidden = [1]\n"
      "[input]\nchannels = [\"heat\"]\nwindow = 1\nnormalization = \"",
      normalization,
      "\"\n[label]\nkind = \"column\"\ncolumn = \"wear\"\n"
      "[split]\nby = \"time\"\nvalidation = 0.25\n"
      "[training]\nlearning_rate = 0.1\nschedule = \"step\"\nstep_rounds = 1\nstep_factor = 0.5\n"
      "[update]\n",
      update);
}

inline constexpr int64_t kExamples = 6;  // training windows of SeriesOf under PerformPlan

/// Rows 0 to 7: value and label are the row's number.
inline std::vector<Series> SeriesOf() {
  Series series;
  series.unit = "1";
  series.steps = 8;
  for (int row = 0; row < 8; ++row) {
    series.values.push_back(static_cast<float>(row));
    series.labels.push_back(static_cast<float>(row));
  }
  return {series};
}

/// The assignment of a round as a coordinator makes it, without scaling.
inline v1::Assignment AssignmentFor(const std::string& plan_text, int64_t round) {
  const Plan plan = ParsePlan(plan_text).value();
  const Layout layout = BuildArchitecture(plan).value().layout;
  const TaskKind task = TaskOfRound(plan, round);
  v1::Assignment assignment;
  assignment.mutable_id()->set_run("tiny-1");
  assignment.mutable_id()->set_round(round);
  assignment.mutable_id()->set_attempt(1);
  assignment.set_task(task == TaskKind::kStatistics ? v1::TASK_KIND_STATISTICS
                      : task == TaskKind::kTraining ? v1::TASK_KIND_TRAINING
                                                    : v1::TASK_KIND_EVALUATION);
  assignment.set_plan(plan_text);
  assignment.set_layout_sha256(
      std::string(layout.digest().bytes.begin(), layout.digest().bytes.end()));
  assignment.set_parameters(task == TaskKind::kTraining ? layout.size() : 0);
  assignment.set_statistics(kExactLimbs * StatisticsCount(plan, task));
  assignment.set_remaining_ms(60'000);
  return assignment;
}

class FakeTrainer final : public Trainer {
 public:
  struct Script {
    std::vector<float> steps = {0, 0, 0, 0};  // added to the parameters
    double loss = 0;
    float prediction = 10;  // for every example
    absl::Status error;     // returned in place of a result unless OK
    std::function<void(const TrainingRequest&)> on_train;
    // Filled in where they are given; what a request points to does not outlive the call.
    std::vector<TrainingRequest>* requests = nullptr;
    std::vector<std::vector<float>>* predicted_with = nullptr;
  };

  explicit FakeTrainer(Script script) : script_(std::move(script)) {}

  static TrainerFactory Factory(Script script) {
    return [script](const Plan&, const Architecture&) -> absl::StatusOr<std::unique_ptr<Trainer>> {
      return std::make_unique<FakeTrainer>(script);
    };
  }

  absl::StatusOr<TrainingResult> Train(const TrainingRequest& request) override {
    if (script_.requests != nullptr) script_.requests->push_back(request);
    if (script_.on_train) script_.on_train(request);
    if (!script_.error.ok()) return script_.error;
    TrainingResult result;
    result.parameters.assign(request.parameters.begin(), request.parameters.end());
    for (size_t i = 0; i < result.parameters.size(); ++i) result.parameters[i] += script_.steps[i];
    result.loss = script_.loss;
    result.examples = request.training->size();
    return result;
  }

  absl::StatusOr<std::vector<float>> Predict(std::span<const float> parameters,
                                             const Dataset& data) override {
    if (script_.predicted_with != nullptr) {
      script_.predicted_with->emplace_back(parameters.begin(), parameters.end());
    }
    return std::vector<float>(data.size(), script_.prediction);
  }

 private:
  const Script script_;
};

}  // namespace millrace::testing
