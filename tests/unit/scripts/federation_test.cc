// SPDX-License-Identifier: Apache-2.0
#include "scripts/simulate/federation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregation/exact_sum.h"
#include "base/log.h"
#include "scripts/train/train_alone.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/scripts/toy_sites.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;
using testing::TorchTrainers;
using testing::ToyPlan;
using testing::ToySeries;

class FederationTest : public ::testing::Test {
 protected:
  FederationTest() { InitLog("federation_test", LogFormat::kText, "off"); }

  absl::StatusOr<FederatedRun> Run(const ToyPlan& plan,
                                   const std::vector<Participant>& participants) {
    rounds_.clear();
    return RunFederation(plan.Text(), participants, TorchTrainers(),
                         [&](const RoundReport& report) { rounds_.push_back(report); });
  }

  const std::vector<Series> first_ = ToySeries(1);
  const std::vector<Series> second_ = ToySeries(2, 7);
  const std::vector<Series> nothing_;
  std::vector<RoundReport> rounds_;
};

TEST_F(FederationTest, TheSamePlanAndDataGiveTheSameModel) {
  const ToyPlan plan{.target = 2};
  const std::vector<Participant> sites = {{"first", &first_}, {"second", &second_}};
  MR_ASSERT_OK_AND_ASSIGN(const FederatedRun once, Run(plan, sites));
  const std::map<std::string, double> first_metrics = rounds_.back().metrics;
  MR_ASSERT_OK_AND_ASSIGN(const FederatedRun again, Run(plan, sites));
  EXPECT_EQ(once.model.parameters, again.model.parameters);
  EXPECT_EQ(first_metrics, rounds_.back().metrics);
}

TEST_F(FederationTest, AnotherSeedGivesAnotherModel) {
  const std::vector<Participant> sites = {{"first", &first_}};
  MR_ASSERT_OK_AND_ASSIGN(const FederatedRun seven, Run({}, sites));
  std::string text = ToyPlan().Text();
  text.replace(text.find("seed = 7"), 8, "seed = 8");
  MR_ASSERT_OK_AND_ASSIGN(const FederatedRun eight,
                          RunFederation(text, sites, TorchTrainers(), nullptr));
  EXPECT_NE(seven.model.parameters, eight.model.parameters);
}

TEST_F(FederationTest, AFederationOfOneSiteIsItsLocalTrainingBitForBit) {
  const ToyPlan plan{.rounds = 3};
  MR_ASSERT_OK_AND_ASSIGN(const FederatedRun federated, Run(plan, {{"first", &first_}}));
  MR_ASSERT_OK_AND_ASSIGN(
      const ModelPackage local,
      TrainAlone(plan.Text(), {"first", first_, std::nullopt}, TorchTrainers(), nullptr));
  EXPECT_EQ(federated.model.parameters, local.parameters);
  ASSERT_TRUE(federated.model.scaling && local.scaling);
  EXPECT_EQ(federated.model.scaling->modes[0].mean, local.scaling->modes[0].mean);
  EXPECT_EQ(federated.model.scaling->modes[0].deviation, local.scaling->modes[0].deviation);
}

TEST_F(FederationTest, OneRoundIsTheMeanOfTheSitesOwnTrainingWeightedByExamples) {
  const ToyPlan plan{.rounds = 1, .target = 2, .normalization = "none"};
  MR_ASSERT_OK_AND_ASSIGN(const FederatedRun federated,
                          Run(plan, {{"first", &first_}, {"second", &second_}}));
  MR_ASSERT_OK_AND_ASSIGN(
      const ModelPackage first,
      TrainAlone(plan.Text(), {"first", first_, std::nullopt}, TorchTrainers(), nullptr));
  MR_ASSERT_OK_AND_ASSIGN(
      const ModelPackage second,
      TrainAlone(plan.Text(), {"second", second_, std::nullopt}, TorchTrainers(), nullptr));
  // 4 and 7 units, of which one each is held back; 5 windows a unit.
  constexpr double kFirst = 15, kSecond = 30;
  ASSERT_EQ(first.parameters.size(), federated.model.parameters.size());
  for (size_t i = 0; i < first.parameters.size(); ++i) {
    const double mean =
        (kFirst * first.parameters[i] + kSecond * second.parameters[i]) / (kFirst + kSecond);
    EXPECT_NEAR(federated.model.parameters[i], mean, 1e-6) << i;
  }
  EXPECT_EQ(federated.model.manifest.lineage().examples(), kFirst + kSecond);
}

TEST_F(FederationTest, RoundsAreReportedFromScalingToEvaluation) {
  MR_ASSERT_OK_AND_ASSIGN(const FederatedRun run, Run({.rounds = 2}, {{"first", &first_}}));
  ASSERT_EQ(rounds_.size(), 4u);
  EXPECT_EQ(rounds_[0].task, TaskKind::kStatistics);
  EXPECT_TRUE(rounds_[1].metrics.contains("train_loss"));
  EXPECT_EQ(rounds_[2].round, 2);
  EXPECT_EQ(rounds_[3].task, TaskKind::kEvaluation);
  EXPECT_TRUE(rounds_[3].metrics.contains("rmse"));
}

TEST_F(FederationTest, BytesAreThoseOfModelsDownAndUpdatesUp) {
  MR_ASSERT_OK_AND_ASSIGN(const FederatedRun run,
                          Run({.rounds = 2, .normalization = "none"}, {{"first", &first_}}));
  // mlp: 2 x 2 inputs to 3 units to 1 output. A statistic has kExactLimbs digits: count, two sums
  // of errors, and in training rounds the loss and its examples.
  constexpr int64_t kModel = 4 * (4 * 3 + 3 + 3 + 1);
  EXPECT_EQ(run.bytes_down, 3 * kModel);
  EXPECT_EQ(run.bytes_up, 2 * (kModel + 4 * kExactLimbs * 5) + 4 * kExactLimbs * 3);
}

TEST_F(FederationTest, AThousandSitesTrainTogether) {
  constexpr int kSites = 1000;
  std::vector<Participant> sites;
  for (int i = 0; i < kSites; ++i) sites.push_back({absl::StrCat("site-", i), &first_});
  MR_ASSERT_OK_AND_ASSIGN(
      const FederatedRun run,
      Run({.rounds = 1, .target = kSites, .minimum = kSites, .training = "max_steps = 1"}, sites));
  ASSERT_EQ(rounds_.size(), 3u);
  for (const RoundReport& round : rounds_) EXPECT_EQ(round.sites, kSites);
  EXPECT_EQ(run.model.manifest.lineage().examples(), kSites * 8);  // one batch each
  EXPECT_EQ(run.model.scaling->modes[0].count, kSites * 4 * 6);
}

TEST_F(FederationTest, ASiteWithoutDataEndsNothing) {
  const ToyPlan plan{.target = 3, .minimum = 2, .normalization = "none"};
  MR_ASSERT_OK_AND_ASSIGN(
      const FederatedRun run,
      Run(plan, {{"empty", &nothing_}, {"first", &first_}, {"second", &second_}}));
  for (const RoundReport& round : rounds_) EXPECT_EQ(round.sites, 2);
}

TEST_F(FederationTest, AFailedRunTellsTheSitesReason) {
  EXPECT_THAT(Run({.more_cohort = "attempts = 2", .normalization = "none"}, {{"empty", &nothing_}}),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("toy-1 round 1 attempt 2"), HasSubstr("site empty"),
                             HasSubstr("no training window"))));
}

TEST_F(FederationTest, TooFewSitesAreToldInsteadOfWaitedFor) {
  EXPECT_THAT(Run({.target = 3, .minimum = 2}, {{"first", &first_}}),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("1 sites, [cohort] minimum asks for 2")));
}

TEST_F(FederationTest, PlanThatWaitsForDriftIsRefusedWithTheWayOut) {
  EXPECT_THAT(Run({.more_cohort = "[start]\non_drift_share = 0.5"}, {{"first", &first_}}),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("remove [start]")));
}

TEST_F(FederationTest, ARoundThatMissesItsTargetOpensAfterTheSimulatedWait) {
  MR_ASSERT_OK_AND_ASSIGN(
      const FederatedRun run,
      Run({.target = 2, .more_cohort = "wait_s = 86400"}, {{"first", &first_}}));
  EXPECT_EQ(rounds_[1].sites, 1);
}

TEST_F(FederationTest, OverSelectionCountsTheFirstThatFinish) {
  const ToyPlan plan{.target = 2, .more_cohort = "over_selection = 1"};
  MR_ASSERT_OK_AND_ASSIGN(
      const FederatedRun run,
      Run(plan, {{"a", &first_}, {"b", &first_}, {"c", &first_}, {"d", &first_}}));
  for (const RoundReport& round : rounds_) EXPECT_EQ(round.sites, 2);
}

TEST_F(FederationTest, ANameThatIsNoNameIsRefused) {
  EXPECT_THAT(Run({}, {{"../press", &first_}}),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("site")));
}

}  // namespace
}  // namespace millrace
