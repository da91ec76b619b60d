// SPDX-License-Identifier: Apache-2.0
// A whole run with honest sites, and what operators and sites are told on the way.
#include <gmock/gmock.h>

#include <cmath>

#include "aggregation/exact_sum.h"
#include "models/scaling.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/engine_rig.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::EngineRig;
using ::testing::Eq;
using testing::ExpectFinishedAndFinite;
using ::testing::HasSubstr;
using testing::HonestUpdate;
using ::testing::IsEmpty;
using testing::IsStatus;
using ::testing::Key;
using testing::kThreeSites;
using testing::SiteUpdate;
using testing::TinyPlan;

TEST(EngineRun, ModelIsTheWeightedMeanOfTheSitesDeltas) {
  EngineRig rig;
  rig.Start({.rounds = 1, .normalization = "none"});
  rig.OpenRound(kThreeSites);
  const std::vector<float> start = rig.Model();
  std::vector<double> sum(start.size());
  double weights = 0;
  for (const std::string& site : kThreeSites) {
    const SiteUpdate update = HonestUpdate(site, rig.AssignmentOf(site));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += update.weight * update.vector[i];
    weights += update.weight;
    MR_ASSERT_OK(rig.SendHonest(site));
  }
  rig.engine().Step();
  const std::vector<float> model = rig.Model();
  ASSERT_EQ(rig.Run().Newest().version, 1);
  for (size_t i = 0; i < sum.size(); ++i) {
    EXPECT_NEAR(model[i], start[i] + sum[i] / weights, 1e-6) << "parameter " << i;
  }
  EXPECT_EQ(rig.Run().Newest().examples, weights);
  EXPECT_EQ(rig.Run().Newest().sites, 3);
}

TEST(EngineRun, AStepShowsThatItGoesOnWithEveryUpdateAndPieceOfTheModel) {
  EngineRig rig;
  rig.Start({.rounds = 1, .normalization = "none"});
  rig.OpenRound(kThreeSites);
  for (const std::string& site : kThreeSites) MR_ASSERT_OK(rig.SendHonest(site));
  EXPECT_EQ(rig.progress(), 0);
  rig.engine().Step();
  EXPECT_EQ(rig.progress(), 3 + 1);
}

TEST(EngineRun, GoesThroughStatisticsTrainingAndEvaluation) {
  EngineRig rig;
  rig.Start();
  ASSERT_TRUE(rig.Finish(kThreeSites));
  ExpectFinishedAndFinite(rig);
  const RunState run = rig.Run();
  ASSERT_EQ(run.rounds.size(), 4u);
  EXPECT_EQ(run.rounds[0].task, TaskKind::kStatistics);
  EXPECT_EQ(run.rounds[1].task, TaskKind::kTraining);
  EXPECT_EQ(run.rounds[3].task, TaskKind::kEvaluation);
  ASSERT_TRUE(run.scaling);
  // Every version was measured by the round after it.
  for (const ModelVersion& version : run.versions) {
    EXPECT_THAT(version.metrics, ::testing::Contains(Key("rmse"))) << version.version;
  }
}

TEST(EngineRun, ScalingIsThatOfAllSitesRowsTogether) {
  EngineRig rig;
  rig.Start();
  ASSERT_TRUE(rig.Finish(kThreeSites));
  // HonestUpdate's rows have a variance of 1 around each site's own mean; pooled by hand.
  double rows = 0, sum = 0, squares = 0;
  v1::Assignment statistics;
  statistics.set_task(v1::TASK_KIND_STATISTICS);
  statistics.set_statistics(3 * kExactLimbs);
  for (const std::string& site : kThreeSites) {
    const std::vector<float> limbs = HonestUpdate(site, statistics).vector;
    const std::vector<double> moments =
        DecodeExact(std::vector<double>(limbs.begin(), limbs.end())).value();
    rows += moments[0];
    sum += moments[1];
    squares += moments[2];
  }
  const Scaling::Mode overall = rig.Run().scaling->overall;
  EXPECT_EQ(overall.count, rows);
  EXPECT_NEAR(overall.mean[0], sum / rows, 1e-6);
  EXPECT_NEAR(overall.deviation[0], std::sqrt(squares / rows - std::pow(sum / rows, 2)), 1e-6);
}

TEST(EngineRun, OrderOfArrivalDoesNotChangeABit) {
  std::vector<Digest> models;
  for (std::vector<std::string> order = kThreeSites; models.empty() || order != kThreeSites;
       std::ranges::next_permutation(order)) {
    EngineRig rig;
    rig.Start({.rounds = 1, .normalization = "none"});
    rig.OpenRound(kThreeSites);
    for (const std::string& site : order) {
      MR_ASSERT_OK(rig.SendHonest(site));
      rig.engine().Step();  // folds what it can
    }
    models.push_back(rig.Run().Newest().parameters);
  }
  EXPECT_EQ(models.size(), 6u);
  EXPECT_THAT(models, ::testing::Each(models[0]));
}

TEST(EngineRun, AssignmentSaysWhatTheRoundWants) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  const v1::Assignment statistics = rig.AssignmentOf("a");
  EXPECT_EQ(statistics.task(), v1::TASK_KIND_STATISTICS);
  EXPECT_THAT(statistics.model_sha256(), IsEmpty());
  EXPECT_FALSE(statistics.has_scaling());
  EXPECT_EQ(statistics.remaining_ms(), 60'000);
  for (const std::string& site : kThreeSites) MR_ASSERT_OK(rig.SendHonest(site));
  rig.engine().Step();  // commits, and opens the next

  rig.clock().Advance(absl::Seconds(10));
  const v1::Assignment training = rig.AssignmentOf("b");
  EXPECT_EQ(training.task(), v1::TASK_KIND_TRAINING);
  EXPECT_EQ(training.id().round(), 1);
  EXPECT_EQ(training.id().attempt(), 1);
  EXPECT_EQ(training.plan(), TinyPlan().Text());
  EXPECT_EQ(training.parameters(), 9);
  EXPECT_EQ(training.statistics(), 5 * kExactLimbs);
  EXPECT_TRUE(training.has_scaling());
  EXPECT_EQ(training.remaining_ms(), 50'000);
  const Digest model = rig.Run().Newest().parameters;
  EXPECT_EQ(training.model_sha256(), model.ToBytes());
}

TEST(EngineRun, SiteGetsItsAssignmentAgainUntilItsUpdateIsIn) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  EXPECT_EQ(rig.AssignmentOf("a").SerializeAsString(), rig.AssignmentOf("a").SerializeAsString());
  MR_ASSERT_OK(rig.SendHonest("a"));
  EXPECT_THAT(rig.engine().CheckIn("a", "test"), testing::IsOkAndHolds(Eq(std::nullopt)));
}

TEST(EngineRun, SiteThatReportsFailureIsNotWaitedFor) {
  EngineRig rig;
  rig.Start({.rounds = 1, .normalization = "none"});
  rig.OpenRound(kThreeSites);
  const RoundId round = rig.Run().Current()->id;
  MR_ASSERT_OK(rig.SendHonest("a"));
  MR_ASSERT_OK(rig.SendHonest("b"));
  MR_ASSERT_OK(rig.engine().ReportFailure("c", round, "no data"));
  MR_EXPECT_OK(rig.engine().ReportFailure("c", round, "no data"));  // safe to repeat
  rig.engine().Step();
  EXPECT_EQ(rig.Run().Newest().version, 1);
  EXPECT_EQ(rig.Run().rounds[0].note, "no site outstanding");
  EXPECT_THAT(rig.engine().ReportFailure("c", round, "no data"),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("site c"), HasSubstr("the round is over"))));
}

TEST(EngineRun, ReasonIsKeptAsText) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  MR_ASSERT_OK(rig.engine().ReportFailure("c", rig.Run().Current()->id, "no pressure gr\xc3"));
  EXPECT_EQ(rig.Run().Current()->failures.at("c"), "no pressure gr?");
}

TEST(EngineRun, TooFewUpdatesTryAgainAfterTheBackOffAndThenFailTheRun) {
  EngineRig rig;
  rig.Start({.cohort = "target = 3\nminimum = 2\nwait_s = 0\ndeadline_s = 60\nbackoff_s = 4\n"
                       "attempts = 2\n"});
  for (int attempt = 1; attempt <= 2; ++attempt) {
    rig.OpenRound(kThreeSites);
    ASSERT_NE(rig.Run().Current(), nullptr);
    EXPECT_EQ(rig.Run().Current()->id.attempt, attempt);
    MR_ASSERT_OK(rig.SendHonest("a"));
    rig.clock().Advance(absl::Seconds(60));
    const absl::Time wake = rig.engine().Step();
    if (attempt == 1) {
      EXPECT_EQ(wake, rig.clock().Now() + absl::Seconds(4));
    }
    rig.clock().Advance(absl::Seconds(4));
  }
  EXPECT_EQ(rig.Run().phase, RunPhase::kFailed);
  EXPECT_THAT(rig.Run().note, HasSubstr("tiny-1 round 0 attempt 2, the last"));
}

TEST(EngineRun, UpdatesOfAnAbandonedAttemptLeaveTheDisk) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  MR_ASSERT_OK(rig.SendHonest("a"));
  EXPECT_TRUE(rig.disk().Exists("uploads/tiny-1/0-1/a.update"));
  rig.clock().Advance(absl::Seconds(60));
  rig.engine().Step();
  EXPECT_FALSE(rig.disk().Exists("uploads/tiny-1/0-1/a.update"));
}

TEST(EngineRun, StoppedRunTakesNoMoreUpdates) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  const v1::Assignment assignment = rig.AssignmentOf("a");
  MR_ASSERT_OK(rig.engine().StopRun("tiny-1", "by ann"));
  MR_EXPECT_OK(rig.engine().StopRun("tiny-1", "again"));  // safe to repeat
  EXPECT_EQ(rig.Run().note, "by ann");
  const SiteUpdate update = HonestUpdate("a", assignment);
  EXPECT_THAT(rig.Send(ClaimOf("a", assignment, update), Sha256Of(update.Bytes()), update.Bytes()),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("site a"), HasSubstr("the run has ended"))));
}

TEST(EngineRun, RunsOfOnePlanAreNumbered) {
  EngineRig rig;
  EXPECT_THAT(rig.engine().StartRun(TinyPlan().Text()), testing::IsOkAndHolds(Eq("tiny-1")));
  EXPECT_THAT(rig.engine().StartRun(TinyPlan().Text()), testing::IsOkAndHolds(Eq("tiny-2")));
  rig.Restart();
  EXPECT_THAT(rig.engine().StartRun(TinyPlan().Text()), testing::IsOkAndHolds(Eq("tiny-3")));
  EXPECT_EQ(rig.engine().Runs().size(), 3u);
}

TEST(EngineRun, TwoRunsShareTheSitesWithoutAskingOneTwice) {
  EngineRig rig;
  MR_ASSERT_OK(rig.engine().StartRun(TinyPlan().Text()));
  MR_ASSERT_OK(rig.engine().StartRun(TinyPlan().Text()));
  rig.OpenRound(kThreeSites);
  EXPECT_EQ(rig.AssignmentOf("a").id().run(), "tiny-1");
  EXPECT_EQ(rig.engine().GetRun("tiny-2")->Current(), nullptr);
  for (const std::string& site : kThreeSites) MR_ASSERT_OK(rig.SendHonest(site));
  rig.engine().Step();
  EXPECT_NE(rig.engine().GetRun("tiny-1")->Current() == nullptr,
            rig.engine().GetRun("tiny-2")->Current() == nullptr);
}

TEST(EngineRun, PlanThatCannotWorkStartsNothing) {
  EngineRig rig;
  EXPECT_THAT(rig.engine().StartRun(TinyPlan{.server = "optimiser = \"fedavg\"\n"}.Text()),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("optimiser")));
  EXPECT_THAT(rig.engine().Runs(), IsEmpty());
}

TEST(EngineRun, UnknownRunIsNamed) {
  EngineRig rig;
  const auto is_named = IsStatus(absl::StatusCode::kNotFound, HasSubstr("run absent-1"));
  EXPECT_THAT(rig.engine().GetRun("absent-1"), is_named);
  EXPECT_THAT(rig.engine().StopRun("absent-1", ""), is_named);
  EXPECT_THAT(rig.engine().ReportFailure("a", {"absent-1", 0, 1}, ""), is_named);
  UpdateClaim claim;
  claim.round = {"absent-1", 0, 1};
  EXPECT_THAT(rig.engine().BeginUpload(claim, {}), is_named);
  EXPECT_THAT(rig.engine().CheckDownload("a", {"absent-1", 0, 1}, {}), is_named);
}

TEST(EngineRun, DownloadIsForTheRoundsOwnModelAndCohort) {
  EngineRig rig;
  rig.Start({.normalization = "none"});
  rig.OpenRound(kThreeSites);
  const RoundState round = *rig.Run().Current();
  MR_EXPECT_OK(rig.engine().CheckDownload("a", round.id, round.model));
  EXPECT_THAT(rig.engine().CheckDownload("mallory", round.id, round.model),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("site mallory")));
  EXPECT_THAT(rig.engine().CheckDownload("a", round.id, Sha256Of("another")),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr(Sha256Of("another").Hex())));
}

TEST(EngineRun, BytesThatSitesDownloadCountIntoTheirRound) {
  EngineRig rig;
  rig.Start({.rounds = 1, .normalization = "none"});
  rig.OpenRound(kThreeSites);
  rig.engine().CountDownload("tiny-1", 36);
  rig.engine().CountDownload("tiny-1", 4);
  ASSERT_TRUE(rig.Finish(kThreeSites));
  EXPECT_EQ(rig.Run().rounds[0].bytes_down, 40);
}

TEST(EngineRun, ListenerHearsOfEveryChange) {
  EngineRig rig;
  int changes = 0;
  rig.engine().OnChange([&] { ++changes; });
  rig.Start();
  EXPECT_EQ(changes, 1);
  rig.OpenRound(kThreeSites);
  const int arrivals = static_cast<int>(kThreeSites.size());
  EXPECT_EQ(changes, 1 + arrivals + 1);
  MR_ASSERT_OK(rig.SendHonest("a"));
  EXPECT_EQ(changes, 1 + arrivals + 2);
}

}  // namespace
}  // namespace millrace
