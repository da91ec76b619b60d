// SPDX-License-Identifier: Apache-2.0
// What keeps a run from going on: it says so, tries again in its time, and starves no other.
#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/engine_rig.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::DiskCall;
using testing::EngineRig;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::kThreeSites;
using testing::TinyPlan;

const absl::Duration kRetry = EngineOptions().retry_after_fault;

RunState RunOf(EngineRig& rig, const std::string& id) { return rig.engine().GetRun(id).value(); }

TEST(HeldUpRun, LacksSitesAndSaysHowMany) {
  EngineRig rig;
  rig.Start();
  rig.clock().Advance(absl::Seconds(5));
  rig.OpenRound({"a"});
  EXPECT_EQ(rig.Run().held_up, "waits for sites: 1 of at least 2 are here");
  rig.OpenRound(kThreeSites);
  EXPECT_NE(rig.Run().Current(), nullptr);
  EXPECT_EQ(rig.Run().held_up, "");
}

TEST(HeldUpRun, NamesTheRunThatHasItsSites) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  MR_ASSERT_OK(rig.engine().StartRun(TinyPlan().Text()));
  rig.clock().Advance(absl::Seconds(5));
  rig.engine().Step();
  EXPECT_EQ(RunOf(rig, "tiny-2").held_up,
            "waits for sites that are busy in run tiny-1: 0 of at least 2 are free");
}

TEST(TwoRuns, TakeTurnsOverTheSameSites) {
  EngineRig rig;
  rig.Start({.rounds = 5});
  MR_ASSERT_OK(rig.engine().StartRun(TinyPlan{.rounds = 5}.Text()));
  for (int i = 0; i < 8; ++i) {
    rig.OpenRound(kThreeSites);
    rig.clock().Advance(absl::Seconds(1));
    for (const std::string& site : kThreeSites) MR_ASSERT_OK(rig.SendHonest(site));
    rig.engine().Step();
    const auto first = std::ssize(RunOf(rig, "tiny-1").rounds);
    const auto second = std::ssize(RunOf(rig, "tiny-2").rounds);
    EXPECT_LE(std::abs(first - second), 1) << first << " and " << second;
  }
}

TEST(HeldUpRun, FailingFoldOfAnOpenRoundIsTold) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  MR_ASSERT_OK(rig.SendHonest("a"));
  rig.disk().FailCall(DiskCall::kRead, 0);
  EXPECT_EQ(rig.engine().Step(), rig.clock().Now() + kRetry);
  EXPECT_THAT(rig.Run().held_up,
              AllOf(HasSubstr("round not folded, trying again"), HasSubstr("tiny-1 round 0")));
  rig.clock().Advance(kRetry);
  rig.engine().Step();
  EXPECT_EQ(rig.Run().held_up, "");
}

TEST(HeldUpRun, FaultIsNotTriedAgainBeforeItsTime) {
  EngineRig rig;
  rig.Start({.rounds = 1, .normalization = "none"});
  rig.OpenRound(kThreeSites);
  for (const std::string& site : kThreeSites) MR_ASSERT_OK(rig.SendHonest(site));
  rig.disk().FillUp();
  rig.engine().Step();
  EXPECT_THAT(rig.Run().held_up, AllOf(HasSubstr("round not aggregated"), HasSubstr("full disk")));
  rig.engine().Step();  // sees whether it was that one write
  const int64_t calls = rig.disk().AllCalls();
  for (int i = 0; i < 8; ++i) rig.engine().Step();  // as its caller does four times a second
  EXPECT_EQ(rig.disk().AllCalls(), calls);
  rig.disk().Heal();
  rig.clock().Advance(kRetry);
  rig.engine().Step();
  EXPECT_EQ(rig.Run().Newest().version, 1);
}

TEST(OutOfMemory, FailsTheRunByNameAndNotTheProcess) {
  EngineRig rig;
  rig.Start();
  MR_ASSERT_OK(rig.engine().StartRun(TinyPlan().Text()));
  for (const std::string& site : kThreeSites) MR_ASSERT_OK(rig.engine().CheckIn(site, "test"));
  rig.store().RunOutOfMemoryAtAppend(0);
  rig.engine().Step();
  EXPECT_EQ(rig.Run().phase, RunPhase::kFailed);
  EXPECT_THAT(rig.Run().note, AllOf(HasSubstr("memory"), HasSubstr("9 parameters")));
  EXPECT_EQ(RunOf(rig, "tiny-2").phase, RunPhase::kRunning);
  rig.Restart();
  EXPECT_EQ(rig.Run().phase, RunPhase::kFailed);
}

TEST(LimitOfParameters, LargerModelIsRefusedWithTheWayOut) {
  EngineOptions options;
  options.max_parameters = 8;
  EngineRig rig(options);
  EXPECT_THAT(rig.engine().StartRun(TinyPlan().Text()),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("run tiny: its model has 9 parameters"),
                             HasSubstr("takes 8"), HasSubstr("[limits] parameters"))));
}

TEST(RunOfTheLongestName, TakesUpdates) {
  EngineRig rig;
  TinyPlan plan;
  std::string text = plan.Text();
  const std::string name(56, 'n');
  text.replace(text.find("\"tiny\""), 6, "\"" + name + "\"");
  MR_ASSERT_OK_AND_ASSIGN(const std::string id, rig.engine().StartRun(text));
  rig.OpenRound(kThreeSites);
  MR_EXPECT_OK(rig.SendHonest("a"));
  EXPECT_EQ(RunOf(rig, id).Current()->contributions.size(), 1u);
}

TEST(OptimizerState, OldOneGoesWhenTheNextVersionIsThere) {
  EngineRig rig;
  rig.Start({.rounds = 3, .server = "optimizer = \"fedadam\"\n"});
  ASSERT_TRUE(rig.Finish(kThreeSites));
  const auto is_kept = [&](const Digest& digest) {
    const std::string name = digest.Hex();
    return rig.disk().Exists(absl::StrCat("blobs/", name.substr(0, 2), "/", name));
  };
  const RunState run = rig.Run();
  ASSERT_EQ(run.versions.size(), 4u);
  for (const ModelVersion& version : run.versions) {
    EXPECT_TRUE(is_kept(version.parameters)) << version.version;
    for (const Digest& state : version.optimizer_state) {
      EXPECT_EQ(is_kept(state), version.version == 3) << version.version;
    }
  }
  EXPECT_EQ(run.Newest().optimizer_state.size(), 2u);
}

}  // namespace
}  // namespace millrace
