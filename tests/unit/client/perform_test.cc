// SPDX-License-Identifier: Apache-2.0
// What a site computes for a round, with a trainer whose every number is known.
#include "client/training/perform.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>

#include "aggregation/exact_sum.h"
#include "client/data/site_message.h"
#include "models/package.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/perform_fixture.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::AssignmentFor;
using ::testing::ElementsAre;
using testing::FakeTrainer;
using ::testing::FloatEq;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::kExamples;
using ::testing::Not;
using testing::PerformPlan;
using ::testing::Pointwise;
using testing::SeriesOf;

SiteTask TaskOf(const std::string& plan, int64_t round) {
  return ReadAssignment(AssignmentFor(plan, round)).value();
}

std::vector<double> StatisticsOf(const Update& update, int64_t parameters) {
  const std::vector<double> limbs(update.vector.begin() + parameters, update.vector.end());
  return DecodeExact(limbs).value();
}

const std::vector<float> kModel = {1, 2, 3, 4};  // the plan's four parameters

absl::StatusOr<Update> Train(const std::string& plan, FakeTrainer::Script script = {}) {
  const SiteTask task = TaskOf(plan, 1);
  return Perform(task, kModel, SeriesOf(), FakeTrainer::Factory(std::move(script)),
                 {"press-7", nullptr});
}

TEST(Perform, TrainingSendsTheDeltaThenMetricsThenLossAndExamples) {
  // The fake model predicts 10 for every window and moves each parameter by its own step.
  FakeTrainer::Script script;
  script.steps = {0.5f, -1, 0, 2};
  script.loss = 0.25;
  const absl::StatusOr<Update> update = Train(PerformPlan(), script);
  MR_ASSERT_OK(update);
  EXPECT_THAT(std::vector<float>(update->vector.begin(), update->vector.begin() + 4),
              ElementsAre(0.5f, -1, 0, 2));
  EXPECT_EQ(update->weight, kExamples);
  // By time the last quarter is held back: labels 6 and 7 at rows 6 and 7, both predicted as 10.
  EXPECT_THAT(StatisticsOf(*update, 4), ElementsAre(2, 16 + 9, 4 + 3, 0.25 * kExamples, kExamples));
}

TEST(Perform, MetricsAreThoseOfTheModelThatWasReceived) {
  std::vector<std::vector<float>> predicted_with;
  FakeTrainer::Script script;
  script.steps = {1, 1, 1, 1};
  script.predicted_with = &predicted_with;
  MR_ASSERT_OK(Train(PerformPlan(), script));
  EXPECT_THAT(predicted_with, ElementsAre(kModel));
}

TEST(Perform, DeltaIsShortenedToTheClipNorm) {
  FakeTrainer::Script script;
  script.steps = {3, 0, -4, 0};  // norm 5
  const absl::StatusOr<Update> update = Train(PerformPlan("clip_norm = 2\n"), script);
  MR_ASSERT_OK(update);
  EXPECT_THAT(std::vector<float>(update->vector.begin(), update->vector.begin() + 4),
              ElementsAre(FloatEq(1.2f), 0, FloatEq(-1.6f), 0));
}

TEST(Perform, DeltaWithinTheClipNormIsSentAsItIs) {
  FakeTrainer::Script script;
  script.steps = {0.1f, 0.7f, -0.3f, 0};
  const absl::StatusOr<Update> update = Train(PerformPlan("clip_norm = 2\n"), script);
  MR_ASSERT_OK(update);
  EXPECT_THAT(std::vector<float>(update->vector.begin(), update->vector.begin() + 4),
              Pointwise(FloatNear(1e-6f), script.steps));
}

TEST(Perform, EqualWeightsSendOneHoweverManyExamples) {
  const absl::StatusOr<Update> update = Train(PerformPlan("weights = \"equal\"\n"));
  MR_ASSERT_OK(update);
  EXPECT_EQ(update->weight, 1);
  EXPECT_EQ(StatisticsOf(*update, 4).back(), kExamples) << "metrics still count examples";
}

TEST(Perform, TrainerGetsThePlansRateAndASeedOfSiteAndRound) {
  std::vector<TrainingRequest> requests;
  FakeTrainer::Script script;
  script.requests = &requests;
  const auto train = [&](const std::string& site, int64_t round) {
    const SiteTask task = TaskOf(PerformPlan(), round);
    MR_ASSERT_OK(Perform(task, kModel, SeriesOf(), FakeTrainer::Factory(script), {site, nullptr}));
  };
  train("press-7", 1);
  train("press-7", 1);
  train("press-7", 2);
  train("lathe", 1);
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(requests[0].seed, requests[1].seed);
  EXPECT_NE(requests[0].seed, requests[2].seed);
  EXPECT_NE(requests[0].seed, requests[3].seed);
  EXPECT_DOUBLE_EQ(requests[0].learning_rate, 0.1);
  EXPECT_DOUBLE_EQ(requests[2].learning_rate, 0.05) << "the schedule halves it every round";
}

TEST(Perform, MomentThatIsTooLargeIsNamedByChannelAndModeButNotItsValue) {
  const SiteTask task = TaskOf(PerformPlan("", "federated"), 0);
  std::vector<Series> series = SeriesOf();
  series[0].values[3] = 3e38F;
  const absl::Status refused =
      Perform(task, {}, series, FakeTrainer::Factory({}), {"press-7", nullptr}).status();
  EXPECT_THAT(refused, IsStatus(absl::StatusCode::kOutOfRange,
                                AllOf(HasSubstr("channel heat in operating mode 0"),
                                      HasSubstr("larger unit"), HasSubstr("3e+38"))));
  EXPECT_THAT(PublicText(refused), AllOf(HasSubstr("channel heat"), Not(HasSubstr("3e+38"))));
}

TEST(Perform, StatisticsRoundSendsTheMomentsOfTheRawRows) {
  const SiteTask task = TaskOf(PerformPlan("", "federated"), 0);
  const auto update = Perform(task, {}, SeriesOf(), FakeTrainer::Factory({}), {"press-7", nullptr});
  MR_ASSERT_OK(update);
  EXPECT_EQ(update->weight, 1);
  // Rows 0 to 7.
  EXPECT_THAT(StatisticsOf(*update, 0), ElementsAre(8, 28, 140));
}

TEST(Perform, EvaluationRoundSendsMetricsAlone) {
  const SiteTask task = TaskOf(PerformPlan(), 3);
  const auto update =
      Perform(task, kModel, SeriesOf(), FakeTrainer::Factory({}), {"press-7", nullptr});
  MR_ASSERT_OK(update);
  EXPECT_EQ(update->weight, 1);
  EXPECT_THAT(StatisticsOf(*update, 0), ElementsAre(2, 16 + 9, 4 + 3));
}

TEST(Perform, SiteWithoutHeldBackDataSendsMetricsOfNothing) {
  std::string plan = PerformPlan();
  plan.replace(plan.find("validation = 0.25"), 17, "validation = 0");
  const absl::StatusOr<Update> update = Train(plan);
  MR_ASSERT_OK(update);
  EXPECT_THAT(StatisticsOf(*update, 4), ElementsAre(0, 0, 0, ::testing::_, 8));
}

TEST(Perform, TrainerSeesScaledRows) {
  std::vector<TrainingRequest> requests;
  float first_row = 0;
  FakeTrainer::Script script;
  script.on_train = [&](const TrainingRequest& request) {
    first_row = request.training->series[0].values[0];
  };
  v1::Assignment assignment = AssignmentFor(PerformPlan("", "federated"), 1);
  *assignment.mutable_scaling() =
      ToProto(Scaling{.channels = 1, .modes = {}, .overall = {-1, {3}, {2}, 8}});
  MR_ASSERT_OK_AND_ASSIGN(const SiteTask task, ReadAssignment(assignment));
  MR_ASSERT_OK(Perform(task, kModel, SeriesOf(), FakeTrainer::Factory(script), {"a", nullptr}));
  EXPECT_EQ(first_row, (0 - 3) / 2.0f);
}

TEST(Perform, DataWithoutALabelledWindowAreRefusedNamingTheSite) {
  std::vector<Series> series = SeriesOf();
  series[0].labels.assign(8, std::nanf(""));
  EXPECT_THAT(Perform(TaskOf(PerformPlan(), 1), kModel, series, FakeTrainer::Factory({}),
                      {"press-7", nullptr}),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("site press-7"), HasSubstr("no training window"))));
}

TEST(Perform, ModelOfAnotherLengthIsRefusedWithBothLengths) {
  EXPECT_THAT(Perform(TaskOf(PerformPlan(), 1), std::vector<float>{1, 2}, SeriesOf(),
                      FakeTrainer::Factory({}), {"press-7", nullptr}),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("2 parameters"), HasSubstr("4"))));
}

TEST(Perform, TrainersErrorIsTheAnswer) {
  FakeTrainer::Script script;
  script.error = absl::AbortedError("loss is NaN in epoch 2");
  EXPECT_THAT(Train(PerformPlan(), script),
              IsStatus(absl::StatusCode::kAborted, HasSubstr("loss is NaN in epoch 2")));
}

// Assignments that contradict themselves.

struct Contradiction {
  std::string name;
  int64_t round;
  std::function<void(v1::Assignment&)> spoil;
  std::string message;
};

class ContradictingAssignment : public ::testing::TestWithParam<Contradiction> {};

TEST_P(ContradictingAssignment, IsRefusedSayingWhat) {
  v1::Assignment assignment = AssignmentFor(PerformPlan(), GetParam().round);
  MR_ASSERT_OK(ReadAssignment(assignment));
  GetParam().spoil(assignment);
  EXPECT_THAT(ReadAssignment(assignment),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Perform, ContradictingAssignment,
    ::testing::Values(
        Contradiction{"UnknownTask", 1,
                      [](v1::Assignment& a) { a.set_task(static_cast<v1::TaskKind>(9)); },
                      "unknown task 9"},
        Contradiction{"TaskOfAnotherRound", 1,
                      [](v1::Assignment& a) { a.set_task(v1::TASK_KIND_EVALUATION); },
                      "tiny-1 round 1: its task is not the round's"},
        Contradiction{"PlanThatDoesNotParse", 1,
                      [](v1::Assignment& a) { a.set_plan("[run]\nnmae = 1\n"); }, "nmae"},
        Contradiction{"WrongParameters", 1, [](v1::Assignment& a) { a.set_parameters(5); },
                      "asks for 5 + "},
        Contradiction{"WrongStatistics", 3, [](v1::Assignment& a) { a.set_statistics(6); },
                      "asks for 0 + 6 numbers, its plan gives 0 + "},
        Contradiction{"WrongLayout", 1,
                      [](v1::Assignment& a) { a.set_layout_sha256(std::string(32, 'x')); },
                      "its layout is not its plan's"},
        Contradiction{"ScalingThatIsNotDue", 1,
                      [](v1::Assignment& a) { a.mutable_scaling()->set_channels(1); },
                      "has a scaling that is not due"}),
    [](const auto& info) { return info.param.name; });

TEST(ReadAssignment, MissingScalingIsRefused) {
  EXPECT_THAT(ReadAssignment(AssignmentFor(PerformPlan("", "federated"), 1)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("has no scaling")));
}

TEST(ReadAssignment, ScalingOfOtherChannelsIsRefused) {
  v1::Assignment assignment = AssignmentFor(PerformPlan("", "federated"), 1);
  *assignment.mutable_scaling() =
      ToProto(Scaling{.channels = 2, .modes = {}, .overall = {-1, {3, 3}, {2, 2}, 8}});
  EXPECT_THAT(ReadAssignment(assignment),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("for 2 channels")));
}

}  // namespace
}  // namespace millrace
