// SPDX-License-Identifier: Apache-2.0
#include "coordinator/storage/retention.h"

#include <gmock/gmock.h>

#include <limits>

#include "base/retry_after.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/engine_rig.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::EngineRig;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;
using testing::kThreeSites;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

/// Versions 0 to `losses` - 1; NaN: not measured.
RunState RunWithLosses(const std::vector<double>& losses) {
  RunState run = testing::NewRun();
  run.versions.clear();
  for (size_t i = 0; i < losses.size(); ++i) {
    ModelVersion version;
    version.version = static_cast<int64_t>(i);
    version.parameters = Sha256Of(absl::StrCat("model ", i));
    version.optimizer_state = {Sha256Of(absl::StrCat("state ", i))};
    if (!std::isnan(losses[i])) version.metrics["loss"] = losses[i];
    run.versions.push_back(version);
  }
  return run;
}

std::vector<int64_t> Kept(const RunState& run, int64_t keep_versions) {
  std::vector<int64_t> numbers;
  for (const ModelVersion* version : KeptVersions(run, keep_versions)) {
    numbers.push_back(version->version);
  }
  return numbers;
}

constexpr double kUnmeasured = std::numeric_limits<double>::quiet_NaN();

TEST(Retention, KeepsTheNewestAndTheBest) {
  const RunState run = RunWithLosses({9, 2, 3, 4, 5, kUnmeasured});
  EXPECT_THAT(Kept(run, 2), ElementsAre(1, 4, 5));
  EXPECT_THAT(Kept(run, 1), ElementsAre(1, 5));
  EXPECT_THAT(Kept(run, 5), ElementsAre(1, 2, 3, 4, 5));
}

TEST(Retention, KeepsAllWhereItIsOffOrThereAreFew) {
  const RunState run = RunWithLosses({9, 2, 3});
  EXPECT_THAT(Kept(run, 0), ElementsAre(0, 1, 2));
  EXPECT_THAT(Kept(run, 10), ElementsAre(0, 1, 2));
}

TEST(Retention, LossThatIsNoNumberIsNotTheBest) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(Kept(RunWithLosses({kUnmeasured, infinity, 7, 8}), 1), ElementsAre(2, 3));
  EXPECT_THAT(Kept(RunWithLosses({kUnmeasured, infinity}), 1), ElementsAre(1));
}

TEST(Retention, OptimiserStateIsKeptOfTheNewestOnly) {
  EXPECT_THAT(KeptBlobs(RunWithLosses({9, 2, 3}), 1),
              UnorderedElementsAre(Sha256Of("model 1"), Sha256Of("model 2"), Sha256Of("state 2")));
}

TEST(EngineRetention, LetsGoOfOldVersionsAsNewOnesCome) {
  EngineOptions options;
  options.keep_versions = 2;
  EngineRig rig(options);
  rig.Start({.rounds = 6});
  ASSERT_TRUE(rig.Finish(kThreeSites));
  const RunState run = rig.Run();
  const std::set<Digest> kept = KeptBlobs(run, 2);
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Digest> there, rig.blobs().List());
  // The best of a run that has just learnt it may have become another with the last evaluation.
  for (const Digest& digest : there) EXPECT_TRUE(kept.contains(digest)) << digest.Hex();
  EXPECT_TRUE(rig.blobs().Has(run.Newest().parameters));
  EXPECT_LE(there.size(), 3u);
}

TEST(EngineRetention, StartOfASecondRunKeepsTheBlobThatTheFirstLetsGoOf) {
  EngineOptions options;
  options.keep_versions = 1;
  EngineRig rig(options);
  rig.Start({.rounds = 4});
  const Digest start = rig.Run().Newest().parameters;
  MR_ASSERT_OK(rig.engine().StartRun(testing::TinyPlan{.rounds = 4}.Text()));
  for (int i = 0; i < 3; ++i) {
    rig.OpenRound(kThreeSites);
    for (const std::string& site : kThreeSites) MR_ASSERT_OK(rig.SendHonest(site));
    rig.engine().Step();
    rig.clock().Advance(absl::Seconds(1));
  }
  const auto second = rig.engine().GetRun("tiny-2");
  ASSERT_EQ(second->Newest().version, 0);
  EXPECT_TRUE(rig.blobs().Has(start));
}

TEST(Retention, RunsThatEndedFirstAreForgottenFirst) {
  const absl::Time day = absl::UnixEpoch();
  const std::vector<EndedRun> ended = {
      {"b", day + absl::Hours(2)}, {"a", day + absl::Hours(3)}, {"c", day + absl::Hours(1)}};
  EXPECT_THAT(RunsToForget(ended, 1), ElementsAre("c", "b"));
  EXPECT_THAT(RunsToForget(ended, 3), IsEmpty());
  EXPECT_THAT(RunsToForget(ended, 0), IsEmpty()) << "all are kept";
}

TEST(EngineRetention, ForgetsOldRunsWithTheirModelsButNeverGivesAnIdAgain) {
  EngineOptions options;
  options.keep_runs = 1;
  EngineRig rig(options);
  const auto run_to_end = [&](int seed) {
    const std::string id =
        rig.engine().StartRun(testing::TinyPlan{.seed = seed}.Text()).value_or("none");
    MR_EXPECT_OK(rig.engine().StopRun(id, "enough"));
    rig.clock().Advance(absl::Seconds(1));
    rig.engine().Step();
    return id;
  };
  EXPECT_EQ(run_to_end(1), "tiny-1");
  MR_EXPECT_OK(rig.engine().GetRun("tiny-1"));
  EXPECT_EQ(run_to_end(2), "tiny-2");
  EXPECT_THAT(
      rig.engine().GetRun("tiny-1"),
      IsStatus(absl::StatusCode::kNotFound, AllOf(HasSubstr("run tiny-1"), HasSubstr("keeps 1"))));
  MR_EXPECT_OK(rig.engine().GetRun("tiny-2"));
  EXPECT_THAT(rig.blobs().List().value(),
              ElementsAre(rig.engine().GetRun("tiny-2")->Newest().parameters));
  rig.Restart();
  EXPECT_THAT(rig.engine().Runs(), SizeIs(1));
  EXPECT_EQ(run_to_end(3), "tiny-3");
  EXPECT_EQ(run_to_end(1), "tiny-4");
  rig.Restart();
  EXPECT_EQ(run_to_end(1), "tiny-5");
}

TEST(EngineRetention, RunThatIsStillRunningIsKeptHoweverOld) {
  EngineOptions options;
  options.keep_runs = 1;
  EngineRig rig(options);
  rig.Start({.rounds = 1});
  for (int seed = 1; seed < 4; ++seed) {
    const std::string id = rig.engine().StartRun(testing::TinyPlan{.seed = seed}.Text()).value();
    MR_ASSERT_OK(rig.engine().StopRun(id, "enough"));
    rig.engine().Step();
  }
  EXPECT_THAT(rig.engine().Runs(), SizeIs(2));
  ASSERT_TRUE(rig.Finish(kThreeSites));
}

TEST(EngineRetention, RunThatCannotBeForgottenNowIsForgottenLater) {
  EngineOptions options;
  options.keep_runs = 1;
  EngineRig rig(options);
  for (int seed = 1; seed < 3; ++seed) {
    const std::string id = rig.engine().StartRun(testing::TinyPlan{.seed = seed}.Text()).value();
    MR_ASSERT_OK(rig.engine().StopRun(id, "enough"));
  }
  rig.store().DieAtAppend(0, false);
  EXPECT_FALSE(rig.engine().StartRun(testing::TinyPlan{}.Text()).ok());
  rig.engine().Step();
  EXPECT_THAT(rig.engine().Runs(), SizeIs(2));
  rig.store().Revive();
  rig.engine().Step();
  EXPECT_THAT(rig.engine().Runs(), SizeIs(1));
}

TEST(EngineStaging, UpdatesBeyondTheBoundWaitForOtherRounds) {
  EngineOptions options;
  options.max_staged_bytes = 2000;
  EngineRig rig(options);
  rig.Start({.rounds = 1, .normalization = "none"});
  rig.OpenRound(kThreeSites);
  const v1::Assignment assignment = rig.AssignmentOf("a");
  const auto bytes = static_cast<int64_t>(testing::HonestUpdate("a", assignment).Bytes().size());
  ASSERT_LE(3 * bytes, options.max_staged_bytes) << "or the run would not have started";
  MR_ASSERT_OK(rig.SendHonest("a"));
  Uploads small(&rig.area(), 2 * bytes - 1);
  UpdateClaim claim;
  claim.round = {"other", 1, 1};
  claim.bytes = bytes;
  claim.site = "x";
  MR_ASSERT_OK(small.Begin(claim, Sha256Of("x")));
  claim.site = "y";
  EXPECT_THAT(small.Begin(claim, Sha256Of("y")),
              IsStatus(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("site y"), HasSubstr("staging_mb"),
                             HasSubstr(absl::StrCat(bytes - 1, " bytes are free")))));
  EXPECT_EQ(RetryAfter(small.Begin(claim, Sha256Of("y")).status()), absl::Seconds(5));
  claim.site = "x";
  MR_EXPECT_OK(small.Begin(claim, Sha256Of("x"))) << "it has its place";
  small.DiscardRound(claim.round);
  claim.site = "y";
  MR_EXPECT_OK(small.Begin(claim, Sha256Of("y")));
}

TEST(EngineStaging, RunWhoseCohortWouldNotFitIsRefused) {
  EngineOptions options;
  options.max_staged_bytes = 100;
  EngineRig rig(options);
  EXPECT_THAT(rig.engine().StartRun(testing::TinyPlan().Text()),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("run tiny"), HasSubstr("staging_mb"))));
}

}  // namespace
}  // namespace millrace
