// SPDX-License-Identifier: Apache-2.0
// A run that waits until enough sites report drift of its model.
#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/engine_rig.h"

namespace millrace {
namespace {

using testing::EngineRig;
using ::testing::HasSubstr;
using testing::TinyPlan;

const std::vector<std::string> kFourSites = {"a", "b", "c", "d"};
constexpr char kWaiting[] = "waits for drift: 1 of 4 sites (needs 2)";

ModelDrift DriftingModel(const std::string& model = "tiny") {
  ModelDrift drift;
  drift.model = model;
  drift.channels_watched = 3;
  drift.score_in_drift = true;
  drift.level = 1.25;
  return drift;
}

class EngineDriftTest : public ::testing::Test {
 protected:
  static TinyPlan PlanOnDrift() {
    return {.cohort =
                "target = 4\nminimum = 2\nwait_s = 10\ndeadline_s = 60\n"
                "[start]\non_drift_share = 0.5\nseen_within_s = 600\n"};
  }

  void CheckInAll(const std::vector<std::string>& sites = kFourSites) {
    for (const std::string& site : sites) MR_ASSERT_OK(rig_.engine().CheckIn(site, "test"));
  }
  /// As a check-in of the site says; none of them: nothing drifts there.
  void Tell(const std::string& site, std::vector<ModelDrift> drift) {
    MR_ASSERT_OK(rig_.engine().CheckIn(site, "test"));
    rig_.engine().NoteDrift(site, std::move(drift));
  }
  bool HasBegun() {
    rig_.engine().Step();
    return rig_.Run().started_by.has_value();
  }
  void StartWaiting() {
    rig_.Start(PlanOnDrift());
    CheckInAll();
    EXPECT_FALSE(HasBegun());
  }

  EngineRig rig_;
};

TEST_F(EngineDriftTest, RunBeginsWithTheSiteThatMakesTheShareFull) {
  StartWaiting();
  Tell("a", {DriftingModel()});
  EXPECT_FALSE(HasBegun());
  EXPECT_EQ(rig_.Run().held_up, kWaiting);
  EXPECT_TRUE(rig_.Run().rounds.empty());
  Tell("b", {DriftingModel()});
  EXPECT_TRUE(HasBegun());
  EXPECT_EQ(rig_.Run().held_up, "");
  EXPECT_EQ(ToString(*rig_.Run().started_by), "drift at 2 of 4 sites (needed 2)");
  ASSERT_NE(rig_.Run().Current(), nullptr);
  EXPECT_EQ(rig_.Run().Current()->cohort, kFourSites) << "those that do not drift take part too";
}

TEST_F(EngineDriftTest, RunGoesOnToItsEnd) {
  StartWaiting();
  for (const char* site : {"a", "b"}) Tell(site, {DriftingModel()});
  ASSERT_TRUE(rig_.Finish(kFourSites));
  testing::ExpectFinishedAndFinite(rig_);
}

TEST_F(EngineDriftTest, DriftOfAnotherModelDoesNotCount) {
  StartWaiting();
  Tell("a", {DriftingModel()});
  Tell("b", {DriftingModel("fans")});
  EXPECT_FALSE(HasBegun());
  Tell("b", {DriftingModel("fans"), DriftingModel()});
  EXPECT_TRUE(HasBegun());
}

TEST_F(EngineDriftTest, DriftThatIsOverBeforeTheShareIsFullNoLongerCounts) {
  StartWaiting();
  Tell("a", {DriftingModel()});
  Tell("a", {});
  Tell("b", {DriftingModel()});
  EXPECT_FALSE(HasBegun());
  EXPECT_EQ(rig_.Run().held_up, kWaiting);
}

TEST_F(EngineDriftTest, SiteThatFellSilentCountsNeitherWay) {
  StartWaiting();
  Tell("a", {DriftingModel()});
  rig_.clock().Advance(absl::Seconds(590));
  CheckInAll({"b", "c", "d"});
  Tell("b", {DriftingModel()});
  rig_.clock().Advance(absl::Seconds(11));
  EXPECT_FALSE(HasBegun()) << "what a said is stale";
  EXPECT_EQ(rig_.Run().held_up, "waits for drift: 1 of 3 sites (needs 2)");
  rig_.clock().Advance(absl::Seconds(590));
  Tell("b", {DriftingModel()});
  EXPECT_TRUE(HasBegun()) << "1 of the 1 that is left; " << rig_.Run().held_up;
}

TEST_F(EngineDriftTest, SiteThatIsAtWorkCountsHoweverLongItSaysNothingElse) {
  StartWaiting();
  MR_ASSERT_OK(rig_.engine()
                   .StartRun(TinyPlan{.cohort = "target = 4\nminimum = 4\nwait_s = 10\n"
                                                "deadline_s = 3600\n"}
                                 .Text())
                   .status());
  rig_.engine().Step();
  ASSERT_NE(rig_.engine().GetRun("tiny-2")->Current(), nullptr);
  rig_.clock().Advance(absl::Seconds(601));
  Tell("a", {DriftingModel()});
  EXPECT_FALSE(HasBegun()) << "the others may send all the while";
  EXPECT_EQ(rig_.Run().held_up, kWaiting);
}

TEST_F(EngineDriftTest, SiteThatWasPutOutCountsNeitherWay) {
  StartWaiting();
  Tell("a", {DriftingModel()});
  rig_.engine().PutOut("a");
  Tell("b", {DriftingModel()});
  EXPECT_FALSE(HasBegun());
  EXPECT_EQ(rig_.Run().held_up, "waits for drift: 1 of 3 sites (needs 2)");
  EXPECT_EQ(rig_.engine().Sites()[0].drift_size(), 0);
  Tell("a", {DriftingModel()});  // with a new certificate
  EXPECT_TRUE(HasBegun());
}

TEST_F(EngineDriftTest, FirstSiteToComeBackAfterARestartIsNotTakenForAll) {
  StartWaiting();
  Tell("a", {DriftingModel()});
  rig_.Restart();
  Tell("a", {DriftingModel()});
  EXPECT_FALSE(HasBegun());
  EXPECT_EQ(rig_.Run().held_up, kWaiting);
  rig_.clock().Advance(absl::Seconds(601));
  Tell("a", {DriftingModel()});
  EXPECT_TRUE(HasBegun()) << "nobody else came back";
}

TEST_F(EngineDriftTest, RunThatHasBegunHasSoAfterARestart) {
  StartWaiting();
  for (const char* site : {"a", "b"}) Tell(site, {DriftingModel()});
  ASSERT_TRUE(HasBegun());
  rig_.Restart();
  CheckInAll();
  EXPECT_TRUE(HasBegun());
  ASSERT_TRUE(rig_.Finish(kFourSites));
}

class EngineDriftDeathTest : public EngineDriftTest, public ::testing::WithParamInterface<bool> {};

TEST_P(EngineDriftDeathTest, WhileTheBeginningIsWrittenIsSurvived) {
  StartWaiting();
  for (const char* site : {"a", "b"}) Tell(site, {DriftingModel()});
  rig_.store().DieAtAppend(0, /*written=*/GetParam());
  rig_.engine().Step();
  ASSERT_TRUE(rig_.RestartIfDead());
  for (const char* site : {"a", "b"}) Tell(site, {DriftingModel()});
  CheckInAll();
  EXPECT_TRUE(HasBegun());
  ASSERT_TRUE(rig_.Finish(kFourSites));
}
INSTANTIATE_TEST_SUITE_P(BeforeAndAfter, EngineDriftDeathTest, ::testing::Bool());

TEST_F(EngineDriftTest, DiskThatIsFullWhenTheShareIsHoldsTheRunUpAsAFault) {
  EngineRig rig({}, testing::StoreOn::kDisk);
  rig.Start(PlanOnDrift());
  for (const std::string& site : kFourSites) MR_ASSERT_OK(rig.engine().CheckIn(site, "test"));
  rig.engine().Step();
  EXPECT_EQ(rig.Run().held_up, "waits for drift: 0 of 4 sites (needs 2)");
  EXPECT_FALSE(rig.Run().faulty);
  for (const char* site : {"a", "b"}) rig.engine().NoteDrift(site, {DriftingModel()});
  rig.disk().FillUp();
  rig.engine().Step();
  EXPECT_THAT(rig.Run().held_up, HasSubstr("event not recorded"));
  EXPECT_TRUE(rig.Run().faulty);
  rig.disk().Heal();
  rig.clock().Advance(StorageHealth::kRetryAfter + EngineOptions().retry_after_fault);
  rig.engine().Step();
  EXPECT_TRUE(rig.Run().started_by.has_value()) << rig.Run().held_up;
  EXPECT_FALSE(rig.Run().faulty);
}

TEST_F(EngineDriftTest, RunThatWaitsCanBeStopped) {
  StartWaiting();
  MR_ASSERT_OK(rig_.engine().StopRun("tiny-1", "changed my mind"));
  for (const char* site : {"a", "b"}) Tell(site, {DriftingModel()});
  rig_.engine().Step();
  EXPECT_EQ(rig_.Run().phase, RunPhase::kStopped);
  EXPECT_EQ(rig_.Run().held_up, "");
  EXPECT_TRUE(rig_.Run().rounds.empty());
}

TEST_F(EngineDriftTest, RunThatWaitsKeepsNoSiteFromOthers) {
  StartWaiting();
  MR_ASSERT_OK(rig_.engine().StartRun(TinyPlan().Text()));
  rig_.engine().Step();
  EXPECT_NE(rig_.engine().GetRun("tiny-2")->Current(), nullptr);
}

TEST_F(EngineDriftTest, SitesAreShownWithTheirDrift) {
  rig_.engine().NoteDrift("a", {DriftingModel()});  // has not checked in
  CheckInAll();
  rig_.engine().NoteDrift("b", {DriftingModel()});
  const std::vector<v1::Site> sites = rig_.engine().Sites();
  EXPECT_EQ(sites[0].drift_size(), 0);
  ASSERT_EQ(sites[1].drift_size(), 1);
  EXPECT_EQ(sites[1].drift(0).name(), "tiny");
  EXPECT_EQ(sites[1].drift(0).level(), 1.25);
}

}  // namespace
}  // namespace millrace
