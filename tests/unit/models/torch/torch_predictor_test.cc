// SPDX-License-Identifier: Apache-2.0
#include "models/torch/torch_predictor.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "models/test_vectors.h"
#include "models/torch/torch_trainer.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/models/torch/synthetic.h"

namespace millrace {
namespace {

using ::millrace::testing::AllKinds;
using ::millrace::testing::IsStatus;
using ::millrace::testing::Kind;
using ::millrace::testing::SyntheticData;
using ::millrace::testing::SyntheticPlan;
using ::testing::HasSubstr;

ModelPackage PackageOf(const Plan& plan) {
  ModelPackage package;
  package.plan = plan;
  package.architecture = BuildArchitecture(plan).value();
  package.parameters = InitialParameters(package.architecture, 1);
  return package;
}

std::vector<float> Windows(const Dataset& data) {
  std::vector<float> inputs(data.size() * data.window * data.channels);
  std::vector<float> targets(data.size());
  std::vector<int64_t> indices(data.size());
  std::iota(indices.begin(), indices.end(), 0);
  data.Gather(indices, inputs, targets);
  return inputs;
}

class EveryKindPredictorTest : public ::testing::TestWithParam<Kind> {};

TEST_P(EveryKindPredictorTest, SaysWhatTheTrainersGraphSays) {
  Plan plan = GetParam().plan;
  plan.model.dropout = 0.5;  // in training only
  const ModelPackage package = PackageOf(plan);
  const Dataset data = SyntheticData(plan, 40, 1);
  MR_ASSERT_OK_AND_ASSIGN(const auto trainer, NewTorchTrainer(plan, package.architecture,
                                                              {.threads = 1, .allow_cuda = false}));
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> expected,
                          trainer->Predict(package.parameters, data));
  MR_ASSERT_OK_AND_ASSIGN(const auto predictor, NewTorchPredictor(package));
  std::vector<float> outputs(40 * predictor->width());
  MR_ASSERT_OK(predictor->Predict(Windows(data), outputs));
  EXPECT_EQ(outputs, expected);
}

TEST_P(EveryKindPredictorTest, SaysOfAWindowTheSameAloneAndAmongOthers) {
  const ModelPackage package = PackageOf(GetParam().plan);
  const std::vector<float> inputs = Windows(SyntheticData(package.plan, 9, 1));
  const size_t size = inputs.size() / 9;
  MR_ASSERT_OK_AND_ASSIGN(const auto predictor, NewTorchPredictor(package));
  std::vector<float> together(9 * predictor->width());
  MR_ASSERT_OK(predictor->Predict(inputs, together));
  std::vector<float> alone(predictor->width());
  MR_ASSERT_OK(predictor->Predict(std::span(inputs).subspan(7 * size, size), alone));
  for (int64_t i = 0; i < predictor->width(); ++i) {
    EXPECT_NEAR(alone[i], together[7 * predictor->width() + i], 1e-5);
  }
}

TEST_P(EveryKindPredictorTest, TellsItsOwnTestVectorsFromThoseOfOtherWeights) {
  ModelPackage package = PackageOf(GetParam().plan);
  MR_ASSERT_OK_AND_ASSIGN(auto predictor, NewTorchPredictor(package));
  EXPECT_EQ(predictor->width(), OutputsOfWindow(package.plan));
  MR_ASSERT_OK(AddTestVectors(package.plan, *predictor, package.manifest));
  MR_ASSERT_OK_AND_ASSIGN(predictor, NewTorchPredictor(package));
  MR_EXPECT_OK(CheckTestVectors(package.manifest, *predictor));
  for (float& x : package.parameters) x += 0.05F;
  MR_ASSERT_OK_AND_ASSIGN(predictor, NewTorchPredictor(package));
  EXPECT_THAT(CheckTestVectors(package.manifest, *predictor),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("test vector")));
}

TEST_P(EveryKindPredictorTest, AttributionsAddUpToTheChangeOfTheOutput) {
  const ModelPackage package = PackageOf(GetParam().plan);
  const std::vector<float> input = Windows(SyntheticData(package.plan, 1, 3));
  const std::vector<float> baseline(input.size());
  MR_ASSERT_OK_AND_ASSIGN(const auto predictor, NewTorchPredictor(package));
  MR_ASSERT_OK_AND_ASSIGN(const Attribution attribution, predictor->Attribute(input, baseline, 0));
  std::vector<float> at_input(predictor->width());
  std::vector<float> at_baseline(predictor->width());
  MR_ASSERT_OK(predictor->Predict(input, at_input));
  MR_ASSERT_OK(predictor->Predict(baseline, at_baseline));
  const double change = double{at_input[0]} - at_baseline[0];
  const double sum =
      std::accumulate(attribution.values.begin(), attribution.values.end(), double{0});
  EXPECT_LE(attribution.gap, 0.01);
  EXPECT_NEAR(sum, change, 0.011 * std::abs(change));
  EXPECT_NEAR(attribution.gap, std::abs(sum - change) / std::abs(change), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryKindPredictorTest, ::testing::ValuesIn(AllKinds()),
                         [](const auto& instance) { return instance.param.name; });

TEST(TorchPredictorTest, AttributionOfALinearModelIsWeightTimesWay) {
  Plan plan = SyntheticPlan(ModelKind::kMlp, /*window=*/2);
  plan.model.hidden = {1};
  ModelPackage package = PackageOf(plan);
  // Six weights and a bias that keeps the one unit active, then the head.
  package.parameters = {1, -2, 3, 0.5, 0, 4, /*bias*/ 100, /*head*/ 2, /*its bias*/ 7};
  MR_ASSERT_OK_AND_ASSIGN(const auto predictor, NewTorchPredictor(package));
  MR_ASSERT_OK_AND_ASSIGN(const Attribution attribution,
                          predictor->Attribute(std::vector<float>{1, 1, 1, 2, 2, 2},
                                               std::vector<float>{0, 0, 0, 1, 1, 1}, 0));
  EXPECT_THAT(attribution.values, ::testing::Pointwise(::testing::FloatNear(1e-4),
                                                       {2.0F, -4.0F, 6.0F, 1.0F, 0.0F, 8.0F}));
  EXPECT_EQ(attribution.steps, 32);
}

TEST(TorchPredictorTest, OtherSizesAreRefused) {
  MR_ASSERT_OK_AND_ASSIGN(const auto predictor,
                          NewTorchPredictor(PackageOf(SyntheticPlan(ModelKind::kMlp))));
  std::vector<float> one(1);
  EXPECT_THAT(predictor->Predict(std::vector<float>(35), one),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("12 x 3")));
  EXPECT_THAT(predictor->Predict(std::vector<float>(72), one),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("72 inputs and 1 outputs")));
  EXPECT_THAT(predictor->Predict({}, {}),
              IsStatus(absl::StatusCode::kInvalidArgument, ::testing::_));
  EXPECT_THAT(predictor->Attribute(std::vector<float>(36), std::vector<float>(36), 1).status(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("output 1")));
}

TEST(TorchPredictorTest, WhatIsNoNumberComesBackAsNone) {
  MR_ASSERT_OK_AND_ASSIGN(const auto predictor,
                          NewTorchPredictor(PackageOf(SyntheticPlan(ModelKind::kAutoencoder))));
  std::vector<float> outputs(36);
  MR_ASSERT_OK(
      predictor->Predict(std::vector<float>(36, std::numeric_limits<float>::quiet_NaN()), outputs));
  EXPECT_TRUE(std::isnan(outputs[0]));
}

}  // namespace
}  // namespace millrace
