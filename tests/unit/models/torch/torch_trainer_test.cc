// SPDX-License-Identifier: Apache-2.0
#include "models/torch/torch_trainer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "models/metrics.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/models/torch/synthetic.h"

namespace millrace {
namespace {

using ::millrace::testing::AllKinds;
using ::millrace::testing::IsStatus;
using ::millrace::testing::Kind;
using ::millrace::testing::SyntheticData;
using ::millrace::testing::SyntheticPlan;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr TorchOptions kOneCpu = {.threads = 1, .allow_cuda = false};

/// A model with its start values.
struct Model {
  std::unique_ptr<Trainer> trainer;
  std::vector<float> start;
};

Model MakeModel(const Plan& plan) {
  const Architecture architecture = BuildArchitecture(plan).value();
  return {NewTorchTrainer(plan, architecture, kOneCpu).value(), InitialParameters(architecture, 1)};
}

TrainingRequest MakeRequest(const Plan& plan, const Model& model, const Dataset& data,
                            uint64_t seed = 1) {
  TrainingRequest request;
  request.parameters = model.start;
  request.training = &data;
  request.learning_rate = plan.training.learning_rate;
  request.seed = seed;
  return request;
}

double EvaluationLoss(const Plan& plan, const Model& model, std::span<const float> parameters,
                      const Dataset& data) {
  const std::vector<float> outputs = model.trainer->Predict(parameters, data).value();
  return MetricsFromSums(plan.task(), EvaluationSums(plan, data, outputs)).at("loss");
}

double Distance(std::span<const float> a, std::span<const float> b) {
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) squares += std::pow(double{a[i]} - b[i], 2);
  return std::sqrt(squares);
}

class EveryKindOfTrainerTest : public ::testing::TestWithParam<Kind> {};

TEST_P(EveryKindOfTrainerTest, LearnsWhatItHasNotSeen) {
  const Plan& plan = GetParam().plan;
  const Model model = MakeModel(plan);
  const Dataset training = SyntheticData(plan, 512, 1);
  const Dataset unseen = SyntheticData(plan, 128, 2);
  MR_ASSERT_OK_AND_ASSIGN(const TrainingResult result,
                          model.trainer->Train(MakeRequest(plan, model, training)));
  EXPECT_EQ(result.examples, 512);
  EXPECT_EQ(result.steps, 16 * plan.training.epochs);
  EXPECT_LT(EvaluationLoss(plan, model, result.parameters, unseen),
            0.35 * EvaluationLoss(plan, model, model.start, unseen));
}

TEST_P(EveryKindOfTrainerTest, TheSameSeedGivesTheSameBits) {
  Plan plan = GetParam().plan;
  plan.training.epochs = 2;
  plan.model.dropout = 0.2;
  const Dataset data = SyntheticData(plan, 80, 1);  // the last batch is a short one
  const Model model = MakeModel(plan);
  const auto train = [&](uint64_t seed) {
    return model.trainer->Train(MakeRequest(plan, model, data, seed)).value().parameters;
  };
  const std::vector<float> first = train(1);
  EXPECT_NE(first, train(2));
  EXPECT_EQ(first, train(1));
  EXPECT_EQ(first, MakeModel(plan).trainer->Train(MakeRequest(plan, model, data))->parameters);
}

TEST_P(EveryKindOfTrainerTest, PredictionHasNoDropoutAndDoesNotDependOnTheBatch) {
  Plan plan = GetParam().plan;
  plan.model.dropout = 0.5;
  const Model model = MakeModel(plan);
  Dataset data = SyntheticData(plan, 300, 1);  // more than one batch
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> all, model.trainer->Predict(model.start, data));
  const size_t width = all.size() / 300;
  data.examples = {data.examples[299]};
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> last, model.trainer->Predict(model.start, data));
  ASSERT_EQ(last.size(), width);
  for (size_t i = 0; i < width; ++i) EXPECT_NEAR(last[i], all[299 * width + i], 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryKindOfTrainerTest, ::testing::ValuesIn(AllKinds()),
                         [](const auto& instance) { return instance.param.name; });

TEST(TorchTrainerTest, RunToFailureLabelsAreLearntInUnitsOfTheirCap) {
  Plan plan = SyntheticPlan(ModelKind::kMlp);
  plan.label.kind = LabelKind::kRunToFailure;
  plan.label.cap = 125;
  plan.training.max_steps = 1;
  const Model model = MakeModel(plan);
  Dataset data = SyntheticData(plan, 32, 1);
  for (Example& example : data.examples) example.target = 125;
  TrainingRequest request = MakeRequest(plan, model, data);
  const std::vector<float> zeros(model.start.size());
  request.parameters = zeros;  // outputs 0, one cap away from every label
  MR_ASSERT_OK_AND_ASSIGN(const TrainingResult result, model.trainer->Train(request));
  EXPECT_FLOAT_EQ(result.loss, 1);
}

TEST(TorchTrainerTest, LargeLabelsAreLearntAsWellAsSmallOnes) {
  Plan plan = SyntheticPlan(ModelKind::kGru);
  plan.label.kind = LabelKind::kRunToFailure;
  plan.label.cap = 125;
  const Model model = MakeModel(plan);
  const Dataset data = SyntheticData(plan, 512, 1, /*label_scale=*/100);
  MR_ASSERT_OK_AND_ASSIGN(const TrainingResult result,
                          model.trainer->Train(MakeRequest(plan, model, data)));
  const double rmse = std::sqrt(EvaluationLoss(plan, model, result.parameters, data));
  EXPECT_LT(rmse, 10);  // heights 0.2 .. 1.2 have the deviation 0.29: 29 by always the mean
}

TEST(TorchTrainerTest, FedProxStaysNearerToTheGlobalModel) {
  Plan plan = SyntheticPlan(ModelKind::kMlp);
  const Dataset data = SyntheticData(plan, 128, 1);
  double previous = std::numeric_limits<double>::infinity();
  for (const double mu : {0.0, 0.1, 10.0}) {
    plan.training.proximal_mu = mu;
    const Model model = MakeModel(plan);
    MR_ASSERT_OK_AND_ASSIGN(const TrainingResult result,
                            model.trainer->Train(MakeRequest(plan, model, data)));
    const double distance = Distance(result.parameters, model.start);
    EXPECT_LT(distance, 0.9 * previous) << "mu " << mu;
    previous = distance;
  }
}

TEST(TorchTrainerTest, EarlyStopReturnsTheEpochThatValidatedBest) {
  Plan plan = SyntheticPlan(ModelKind::kMlp);
  plan.training.epochs = 40;
  Dataset training = SyntheticData(plan, 24, 1);
  Random noise(3);  // few and noisy examples: it overfits
  for (Example& example : training.examples) example.target += static_cast<float>(noise.Normal());
  const Dataset validation = SyntheticData(plan, 64, 2);

  // The second method: train 1, 2, 3 ... epochs anew and look which one validates best.
  std::vector<float> best;
  double best_loss = std::numeric_limits<double>::infinity();
  int64_t best_epoch = 0;
  Plan shorter = plan;
  for (int64_t epochs = 1; epochs <= plan.training.epochs; ++epochs) {
    shorter.training.epochs = epochs;
    const Model model = MakeModel(shorter);
    MR_ASSERT_OK_AND_ASSIGN(const TrainingResult result,
                            model.trainer->Train(MakeRequest(shorter, model, training)));
    const double loss = EvaluationLoss(plan, model, result.parameters, validation);
    if (loss < best_loss) {
      best_loss = loss;
      best_epoch = epochs;
      best = result.parameters;
    }
  }
  ASSERT_LT(best_epoch, plan.training.epochs) << "the task does not overfit";

  plan.training.patience = plan.training.epochs;
  const Model model = MakeModel(plan);
  TrainingRequest request = MakeRequest(plan, model, training);
  request.validation = &validation;
  MR_ASSERT_OK_AND_ASSIGN(const TrainingResult result, model.trainer->Train(request));
  EXPECT_EQ(result.parameters, best);
}

TEST(TorchTrainerTest, EarlyStopEndsTrainingWhenPatienceRunsOut) {
  Plan plan = SyntheticPlan(ModelKind::kMlp);
  plan.training.patience = 3;
  plan.training.optimizer = ClientOptimizer::kSgd;
  plan.training.learning_rate = 1e-30;  // no epoch is better than the first
  const Model model = MakeModel(plan);
  const Dataset data = SyntheticData(plan, 64, 1);
  TrainingRequest request = MakeRequest(plan, model, data);
  request.validation = &data;
  MR_ASSERT_OK_AND_ASSIGN(const TrainingResult result, model.trainer->Train(request));
  EXPECT_EQ(result.steps, (1 + 3) * 2);
}

TEST(TorchTrainerTest, MaxStepsEndsTrainingWithinAnEpoch) {
  Plan plan = SyntheticPlan(ModelKind::kMlp);
  plan.training.max_steps = 3;
  const Model model = MakeModel(plan);
  const Dataset data = SyntheticData(plan, 512, 1);
  MR_ASSERT_OK_AND_ASSIGN(const TrainingResult result,
                          model.trainer->Train(MakeRequest(plan, model, data)));
  EXPECT_EQ(result.steps, 3);
  EXPECT_EQ(result.examples, 3 * 32);
}

TEST(TorchTrainerTest, ClippingBoundsTheStep) {
  Plan plan = SyntheticPlan(ModelKind::kMlp);
  plan.training.optimizer = ClientOptimizer::kSgd;
  plan.training.learning_rate = 1;
  plan.training.max_steps = 1;
  const Dataset data = SyntheticData(plan, 32, 1, /*label_scale=*/50);
  Model model = MakeModel(plan);
  const auto step = [&] {
    model = MakeModel(plan);
    const TrainingResult result = model.trainer->Train(MakeRequest(plan, model, data)).value();
    return Distance(result.parameters, model.start);
  };
  ASSERT_GT(step(), 1);
  plan.training.clip_norm = 0.25;
  EXPECT_NEAR(step(), 0.25, 1e-5);
}

TEST(TorchTrainerTest, ProgressIsReportedAfterEachEpoch) {
  Plan plan = SyntheticPlan(ModelKind::kMlp);
  plan.training.epochs = 3;
  const Model model = MakeModel(plan);
  const Dataset data = SyntheticData(plan, 64, 1);
  TrainingRequest request = MakeRequest(plan, model, data);
  std::vector<TrainingProgress> seen;
  request.on_progress = [&](const TrainingProgress& progress) {
    // A slow machine may add reports within an epoch.
    if (progress.step % 2 == 0) seen.push_back(progress);
    return true;
  };
  MR_ASSERT_OK_AND_ASSIGN(const TrainingResult result, model.trainer->Train(request));
  ASSERT_GE(seen.size(), 3);
  EXPECT_EQ(seen.back().epoch, 3);
  EXPECT_EQ(seen.back().step, 6);
  EXPECT_EQ(seen.back().loss, result.loss);
}

TEST(TorchTrainerTest, TheCallerCanCancel) {
  const Plan plan = SyntheticPlan(ModelKind::kMlp);
  const Model model = MakeModel(plan);
  const Dataset data = SyntheticData(plan, 64, 1);
  TrainingRequest request = MakeRequest(plan, model, data);
  request.on_progress = [](const TrainingProgress& progress) { return progress.epoch < 2; };
  EXPECT_THAT(model.trainer->Train(request),
              IsStatus(absl::StatusCode::kCancelled, HasSubstr("epoch 2")));
}

TEST(TorchTrainerTest, ANanTargetAbortsNamingEpochAndStep) {
  for (const ModelKind kind : {ModelKind::kMlp, ModelKind::kGru}) {
    const Plan plan = SyntheticPlan(kind);
    const Model model = MakeModel(plan);
    Dataset data = SyntheticData(plan, 20, 1);
    data.examples[7].target = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THAT(
        model.trainer->Train(MakeRequest(plan, model, data)),
        IsStatus(absl::StatusCode::kAborted, AllOf(HasSubstr("epoch 1"), HasSubstr("step 1"))));
  }
}

TEST(TorchTrainerTest, ANanReadingAborts) {
  for (const ModelKind kind : {ModelKind::kGru, ModelKind::kLstm, ModelKind::kCnn1d}) {
    const Plan plan = SyntheticPlan(kind);
    const Model model = MakeModel(plan);
    Dataset data = SyntheticData(plan, 20, 1);
    data.series[3].values[5] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THAT(model.trainer->Train(MakeRequest(plan, model, data)),
                IsStatus(absl::StatusCode::kAborted, HasSubstr("not finite")));
  }
}

TEST(TorchTrainerTest, AnOverflowInTheLastStepAborts) {
  Plan plan = SyntheticPlan(ModelKind::kMlp);
  plan.training.optimizer = ClientOptimizer::kSgd;
  plan.training.learning_rate = 1e38;
  plan.training.max_steps = 1;
  const Model model = MakeModel(plan);
  const Dataset data = SyntheticData(plan, 32, 1, /*label_scale=*/1e6);
  EXPECT_THAT(model.trainer->Train(MakeRequest(plan, model, data)),
              IsStatus(absl::StatusCode::kAborted, HasSubstr("parameters are not finite")));
}

TEST(TorchTrainerTest, AParameterVectorOfTheWrongLengthIsRefused) {
  const Plan plan = SyntheticPlan(ModelKind::kMlp);
  const Model model = MakeModel(plan);
  const Dataset data = SyntheticData(plan, 8, 1);
  TrainingRequest request = MakeRequest(plan, model, data);
  request.parameters = request.parameters.first(3);
  const auto refused =
      IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("parameter vector has 3 elements"));
  EXPECT_THAT(model.trainer->Train(request), refused);
  EXPECT_THAT(model.trainer->Predict(request.parameters, data), refused);
}

TEST(TorchTrainerTest, DataOfAnotherShapeIsRefused) {
  const Plan plan = SyntheticPlan(ModelKind::kMlp, /*window=*/12);
  const Model model = MakeModel(plan);
  const Dataset data = SyntheticData(SyntheticPlan(ModelKind::kMlp, /*window=*/5), 8, 1);
  const auto refused = IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("5 x 3"));
  EXPECT_THAT(model.trainer->Train(MakeRequest(plan, model, data)), refused);
  EXPECT_THAT(model.trainer->Predict(model.start, data), refused);
}

TEST(TorchTrainerTest, AnEmptyTrainingSetIsRefused) {
  const Plan plan = SyntheticPlan(ModelKind::kMlp);
  const Model model = MakeModel(plan);
  const Dataset data = SyntheticData(plan, 0, 1);
  EXPECT_THAT(model.trainer->Train(MakeRequest(plan, model, data)),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("no training examples")));
}

TEST(TorchTrainerTest, AnEmptySetHasNoPredictions) {
  const Plan plan = SyntheticPlan(ModelKind::kMlp);
  const Model model = MakeModel(plan);
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> outputs,
                          model.trainer->Predict(model.start, SyntheticData(plan, 0, 1)));
  EXPECT_TRUE(outputs.empty());
}

TEST(TorchTrainerTest, ALabelOutsideTheClassesIsRefusedWithItsUnit) {
  Plan plan = SyntheticPlan(ModelKind::kMlp);
  plan.label.classes = 2;
  const Model model = MakeModel(plan);
  for (const float label : {2.0F, -1.0F, 0.5F, std::numeric_limits<float>::quiet_NaN()}) {
    Dataset data = SyntheticData(plan, 8, 1);
    data.examples[5].target = label;
    EXPECT_THAT(model.trainer->Train(MakeRequest(plan, model, data)),
                IsStatus(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("unit5"), HasSubstr("label.classes"))));
  }
}

}  // namespace
}  // namespace millrace
