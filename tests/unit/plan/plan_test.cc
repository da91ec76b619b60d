// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace millrace {
namespace {

TEST(LearningRateTest, ConstantStaysTheSame) {
  const TrainingPlan training{.learning_rate = 0.5, .schedule = Schedule::kConstant};
  for (const int64_t round : {1, 2, 100}) EXPECT_EQ(LearningRate(training, round, 100), 0.5);
}

TEST(LearningRateTest, CosineFallsFromTheRateToItsFinalShare) {
  const TrainingPlan training{
      .learning_rate = 0.4, .schedule = Schedule::kCosine, .final_share = 0.1};
  EXPECT_DOUBLE_EQ(LearningRate(training, 1, 7), 0.4);
  // progress 1/3: (1 + cos 60 deg) / 2 = 3/4; 0.4 * (0.1 + 0.9 * 0.75)
  EXPECT_DOUBLE_EQ(LearningRate(training, 3, 7), 0.31);
  EXPECT_DOUBLE_EQ(LearningRate(training, 4, 7), 0.4 * 0.55);
  EXPECT_DOUBLE_EQ(LearningRate(training, 7, 7), 0.04);
}

TEST(LearningRateTest, CosineOverOneRoundIsTheFullRate) {
  EXPECT_EQ(LearningRate({.learning_rate = 0.4, .schedule = Schedule::kCosine}, 1, 1), 0.4);
}

TEST(LearningRateTest, CosineStaysAtItsFinalShareAfterTheLastRound) {
  const TrainingPlan training{
      .learning_rate = 0.4, .schedule = Schedule::kCosine, .final_share = 0.1};
  EXPECT_DOUBLE_EQ(LearningRate(training, 9, 7), 0.04);
}

TEST(LearningRateTest, StepDropsAfterEverySoManyRounds) {
  const TrainingPlan training{
      .learning_rate = 0.8, .schedule = Schedule::kStep, .step_rounds = 3, .step_factor = 0.5};
  EXPECT_DOUBLE_EQ(LearningRate(training, 1, 10), 0.8);
  EXPECT_DOUBLE_EQ(LearningRate(training, 3, 10), 0.8);
  EXPECT_DOUBLE_EQ(LearningRate(training, 4, 10), 0.4);
  EXPECT_DOUBLE_EQ(LearningRate(training, 7, 10), 0.2);
}

TEST(CohortSizeTest, RoundsTheExtraSitesUp) {
  Plan plan;
  plan.cohort = {.target = 10, .over_selection = 0};
  EXPECT_EQ(plan.cohort_size(), 10);
  plan.cohort.over_selection = 0.25;
  EXPECT_EQ(plan.cohort_size(), 13);
  plan.cohort.over_selection = 10;
  EXPECT_EQ(plan.cohort_size(), 110);
}

TEST(CohortSizeTest, BinaryFractionsInviteNoSiteTooMany) {
  Plan plan;
  plan.cohort = {.target = 100, .over_selection = 0.07};  // 100 * 0.07 > 7 in binary
  EXPECT_EQ(plan.cohort_size(), 107);
  plan.cohort = {.target = 100, .over_selection = 0.1};  // 100 * (1 + 0.1) > 110 in binary
  EXPECT_EQ(plan.cohort_size(), 110);
  plan.cohort = {.target = 1'000'000, .over_selection = 0.000001};
  EXPECT_EQ(plan.cohort_size(), 1'000'001);
}

TEST(TaskTest, FollowsFromTheLabel) {
  Plan plan;
  plan.label = {.kind = LabelKind::kNone, .column = ""};
  EXPECT_EQ(plan.task(), Task::kReconstruction);
  EXPECT_EQ(plan.outputs(), 0);
  plan.label = {.kind = LabelKind::kRunToFailure, .column = "", .cap = 125};
  EXPECT_EQ(plan.task(), Task::kRegression);
  EXPECT_EQ(plan.outputs(), 1);
  plan.label = {.kind = LabelKind::kRecording, .column = "", .classes = 10};
  EXPECT_EQ(plan.task(), Task::kClassification);
  EXPECT_EQ(plan.outputs(), 10);
}

TEST(ModeCellsTest, CountBothEnds) {
  const ModeColumn altitude{.column = "altitude", .step = 10, .min = 0, .max = 40};
  EXPECT_EQ(altitude.Cells(), 5);
  EXPECT_EQ((ModeColumn{.column = "x", .step = 0.2, .min = 0, .max = 0.8}).Cells(), 5);
  EXPECT_EQ((ModeColumn{.column = "x", .step = 1, .min = 3, .max = 3}).Cells(), 1);
}

TEST(ModeCellsTest, AreTheGridsProduct) {
  InputPlan input;
  EXPECT_EQ(input.ModeCells(), 1);
  input.modes = {{.column = "a", .step = 1, .min = 0, .max = 4},
                 {.column = "b", .step = 1, .min = 0, .max = 2}};
  EXPECT_EQ(input.ModeCells(), 15);
}

TEST(ModeCellsTest, HugeGridsSaturateJustAboveTheLimit) {
  const double huge = std::numeric_limits<double>::max();
  const ModeColumn column{.column = "a", .step = 1e-300, .min = -huge, .max = huge};
  EXPECT_EQ(column.Cells(), kMaxModeCells + 1);
  InputPlan input;
  input.modes.assign(1000, column);
  EXPECT_EQ(input.ModeCells(), kMaxModeCells + 1);
}

TEST(NameTest, IsWhatTheFileSays) {
  EXPECT_EQ(Name(ModelKind::kCnn1d), "cnn1d");
  EXPECT_EQ(Name(ModelKind::kAutoencoder), "autoencoder");
  EXPECT_EQ(Name(Task::kRegression), "regression");
  EXPECT_EQ(Name(Task::kReconstruction), "reconstruction");
  EXPECT_EQ(Name(ServerOptimizer::kFedAvgM), "fedavgm");
  EXPECT_EQ(Name(ServerOptimizer::kFedYogi), "fedyogi");
}

}  // namespace
}  // namespace millrace
