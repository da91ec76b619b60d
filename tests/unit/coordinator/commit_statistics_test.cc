// SPDX-License-Identifier: Apache-2.0
// What a site may say in the statistics behind its update, and what a round's sums mean.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "coordinator/engine/commit.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::NewRun;
using ::testing::Pair;

const Plan& TinyPlanParsed() {
  static const Plan* const plan = new Plan(NewRun().plan);
  return *plan;
}

absl::Status Check(TaskKind task, std::vector<double> statistics) {
  return CheckStatistics(TinyPlanParsed(), task, statistics);
}

// Evaluation: count, squared error, absolute error; training adds loss * examples and examples.
// Statistics: count, sum, sum of squares of the one channel.

TEST(CheckStatistics, PlausibleNumbersAreAccepted) {
  MR_EXPECT_OK(Check(TaskKind::kTraining, {10, 4.5, 3, 0.25, 90}));
  MR_EXPECT_OK(Check(TaskKind::kEvaluation, {0, 0, 0}));
  MR_EXPECT_OK(Check(TaskKind::kStatistics, {10, -3.5, 4}));
}

TEST(CheckStatistics, NumberThatIsNotFiniteIsNamed) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(Check(TaskKind::kEvaluation, {10, bad, 3}),
                IsStatus(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("statistic 1"), HasSubstr("finite"))));
  }
}

TEST(CheckStatistics, NegativeCountOrErrorIsNamed) {
  EXPECT_THAT(Check(TaskKind::kEvaluation, {-1, 0, 0}),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("statistic 0 is -1"), HasSubstr("negative"))));
  EXPECT_THAT(Check(TaskKind::kTraining, {10, 4.5, -3, 0.25, 90}),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("statistic 2 is -3")));
  EXPECT_THAT(Check(TaskKind::kStatistics, {10, -3.5, -4}),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("statistic 2 is -4")));
}

TEST(CheckStatistics, CountAboveMaxWeightIsRefused) {
  EXPECT_THAT(Check(TaskKind::kEvaluation, {1001, 0, 0}),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("statistic 0 is 1001"), HasSubstr("max_weight"))));
  EXPECT_THAT(Check(TaskKind::kTraining, {10, 4.5, 3, 0.25, 1001}),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("statistic 4 is 1001")));
}

TEST(CheckStatistics, MoreRowsThanAnySiteHasAreRefused) {
  MR_EXPECT_OK(Check(TaskKind::kStatistics, {0x1p40, 1, 1}));
  EXPECT_THAT(Check(TaskKind::kStatistics, {0x1p40 + 1, 1, 1}),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("more than 2^40 rows")));
}

TEST(CheckNorm, DeltaBeyondTheBoundIsRefusedWithBothNumbers) {
  UpdatePlan plan;
  plan.clip_norm = 10;
  MR_EXPECT_OK(CheckNorm(plan, 10));
  MR_EXPECT_OK(CheckNorm(plan, 10.0001)) << "whoever clipped it rounded";
  EXPECT_THAT(CheckNorm(plan, 10.1),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("an L2 norm of 10.1, [update] clip_norm is 10")));
}

TEST(CheckStatistics, CountThatIsNotWholeIsRefused) {
  EXPECT_THAT(Check(TaskKind::kEvaluation, {1.5, 0, 0}),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("statistic 0 is 1.5"), HasSubstr("whole"))));
  EXPECT_THAT(Check(TaskKind::kStatistics, {0.25, 1, 1}),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("statistic 0 is 0.25")));
}

TEST(CheckStatistics, ChannelsOfOneModeCountTheSameRows) {
  Plan plan = TinyPlanParsed();
  plan.input.channels = {"heat", "flow"};
  MR_EXPECT_OK(
      CheckStatistics(plan, TaskKind::kStatistics, std::vector<double>{10, 1, 1, 10, 1, 1}));
  // Summed up, it would spoil the round for everybody.
  EXPECT_THAT(CheckStatistics(plan, TaskKind::kStatistics, std::vector<double>{10, 1, 1, 11, 1, 1}),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("statistic 3 is 11")));
}

TEST(ReadStatistics, EvaluationGivesTheTasksMetrics) {
  MR_ASSERT_OK_AND_ASSIGN(
      const RoundResult result,
      ReadStatistics(TinyPlanParsed(), TaskKind::kEvaluation, std::vector<double>{8, 32, 12}));
  EXPECT_FALSE(result.scaling);
  EXPECT_THAT(result.metrics,
              ElementsAre(Pair("examples", 8), Pair("loss", 4), Pair("mae", 1.5), Pair("rmse", 2)));
}

TEST(ReadStatistics, TrainingAddsTheLossPerExample) {
  MR_ASSERT_OK_AND_ASSIGN(
      const RoundResult result,
      ReadStatistics(TinyPlanParsed(), TaskKind::kTraining, std::vector<double>{8, 32, 12, 9, 90}));
  EXPECT_THAT(result.metrics, ::testing::Contains(Pair("train_loss", DoubleEq(0.1))));
}

TEST(ReadStatistics, MomentsGiveTheScaling) {
  // Rows 1, 3: mean 2, deviation 1.
  MR_ASSERT_OK_AND_ASSIGN(
      const RoundResult result,
      ReadStatistics(TinyPlanParsed(), TaskKind::kStatistics, std::vector<double>{2, 4, 10}));
  ASSERT_TRUE(result.scaling);
  EXPECT_THAT(result.scaling->overall.mean, ElementsAre(2));
  EXPECT_THAT(result.scaling->overall.deviation, ElementsAre(1));
}

}  // namespace
}  // namespace millrace
