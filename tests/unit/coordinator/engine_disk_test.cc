// SPDX-License-Identifier: Apache-2.0
// A disk without space stops what needs space, says so, and costs nothing else.
#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/engine_rig.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::DiskCall;
using testing::DiskFault;
using testing::EngineRig;
using testing::ExpectFinishedAndFinite;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::kThreeSites;

constexpr auto kNoSpace = absl::StatusCode::kResourceExhausted;

TEST(EngineOnAFullDisk, RunDoesNotStart) {
  EngineRig rig;
  rig.disk().FillUp();
  EXPECT_THAT(rig.engine().StartRun(testing::TinyPlan().Text()),
              IsStatus(kNoSpace, HasSubstr("full disk")));
  EXPECT_TRUE(rig.engine().Runs().empty());
  rig.disk().Heal();
  rig.engine().Step();
  rig.Start();
}

TEST(EngineOnAFullDisk, UpdateIsRefusedAndSentAgainWhenThereIsSpace) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  MR_ASSERT_OK(rig.SendHonest("a"));
  rig.disk().FillUp();
  EXPECT_THAT(rig.SendHonest("b"), IsStatus(kNoSpace, HasSubstr("full disk")));
  EXPECT_EQ(rig.Run().Current()->contributions.size(), 1u);
  EXPECT_EQ(rig.Run().Current()->phase, RoundPhase::kOpen);
  rig.disk().Heal();
  ASSERT_TRUE(rig.Finish(kThreeSites));
  ExpectFinishedAndFinite(rig);
  EXPECT_EQ(rig.Run().rounds.size(), 4u) << "no attempt was lost";
}

TEST(EngineOnAFullDisk, ChunkThatFitsOnlyInHalfIsTakenBackAndSentAgain) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  rig.disk().FailCall(DiskCall::kWrite, 1, DiskFault::kShortWrite);
  EXPECT_THAT(rig.SendHonest("a"), IsStatus(kNoSpace, HasSubstr("site a")));
  rig.engine().Step();
  MR_EXPECT_OK(rig.SendHonest("a"));
}

TEST(EngineOnAFullDisk, SyncThatFailedMakesTheSiteSendTheSameBytesAgain) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  rig.disk().FailCall(DiskCall::kSync, 0, DiskFault::kDiskFull);
  EXPECT_THAT(rig.SendHonest("a"), IsStatus(kNoSpace, HasSubstr("send it again")));
  EXPECT_TRUE(rig.Run().Current()->contributions.empty());
  rig.engine().Step();
  MR_EXPECT_OK(rig.SendHonest("a"));
  EXPECT_EQ(rig.Run().Current()->contributions.size(), 1u);
}

TEST(EngineOnAFullDisk, CommitWaitsForSpaceAndLosesNoUpdate) {
  EngineRig rig;
  rig.Start({.rounds = 1, .normalization = "none"});
  rig.OpenRound(kThreeSites);
  for (const std::string& site : kThreeSites) MR_ASSERT_OK(rig.SendHonest(site));
  rig.disk().FillUp();
  for (int i = 0; i < 5; ++i) {
    EXPECT_LE(rig.engine().Step(), rig.clock().Now() + EngineOptions().retry_after_fault);
    rig.clock().Advance(EngineOptions().retry_after_fault);
    ASSERT_EQ(rig.Run().Current()->phase, RoundPhase::kClosed);
  }
  rig.disk().Heal();
  rig.engine().Step();
  EXPECT_EQ(rig.Run().Newest().version, 1);
  EXPECT_EQ(rig.Run().Newest().sites, 3);
}

TEST(EngineOnAFullDisk, NothingNewIsAskedOfTheDiskUntilItCanBeWritten) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  rig.disk().FillUp();
  EXPECT_FALSE(rig.SendHonest("a").ok());
  const int64_t calls = rig.disk().AllCalls();
  EXPECT_THAT(rig.SendHonest("b"),
              IsStatus(kNoSpace, AllOf(HasSubstr("site b: update for tiny-1 round 0 attempt 1"),
                                       HasSubstr("takes nothing new"), HasSubstr("full disk"))));
  EXPECT_THAT(rig.engine().StartRun(testing::TinyPlan().Text()),
              IsStatus(kNoSpace, AllOf(HasSubstr("run tiny"), HasSubstr("takes nothing new"))));
  EXPECT_EQ(rig.disk().AllCalls(), calls);
  rig.disk().Heal();
  rig.engine().Step();
  MR_EXPECT_OK(rig.SendHonest("b"));
}

TEST(EngineOnAReadOnlyDisk, TakesNothingNewAndGoesOnByItselfOnceItIsNot) {
  EngineRig rig({}, testing::StoreOn::kDisk);
  rig.Start();
  rig.OpenRound(kThreeSites);
  MR_ASSERT_OK(rig.SendHonest("a"));
  rig.disk().TurnReadOnly();
  EXPECT_THAT(rig.SendHonest("b"), IsStatus(kNoSpace, HasSubstr("read-only disk")));
  EXPECT_THAT(rig.SendHonest("c"), IsStatus(kNoSpace, HasSubstr("takes nothing new")));
  EXPECT_THAT(rig.engine().StartRun(testing::TinyPlan().Text()),
              IsStatus(kNoSpace, HasSubstr("run tiny")));
  EXPECT_FALSE(rig.storage().Read().writable) << "the metric";
  for (int i = 0; i < 3; ++i) {
    rig.clock().Advance(StorageHealth::kRetryAfter);
    rig.engine().Step();
    EXPECT_FALSE(rig.storage().Check().ok());
  }
  EXPECT_EQ(rig.Run().Current()->contributions.size(), 1u);

  rig.disk().Heal();
  rig.clock().Advance(StorageHealth::kRetryAfter);
  rig.engine().Step();
  EXPECT_TRUE(rig.storage().Read().writable);
  MR_EXPECT_OK(rig.SendHonest("b"));
  MR_EXPECT_OK(rig.SendHonest("c"));
  EXPECT_EQ(rig.Run().rounds.size(), 1u) << "in the attempt that was open";
}

TEST(EngineOnAFullDisk, AcknowledgedUpdateStaysAcknowledged) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  const v1::Assignment assignment = rig.AssignmentOf("a");
  const testing::SiteUpdate update = testing::HonestUpdate("a", assignment);
  MR_ASSERT_OK(rig.SendHonest("a"));
  rig.disk().FillUp();
  EXPECT_FALSE(rig.SendHonest("b").ok());
  MR_EXPECT_OK(rig.Send(testing::ClaimOf("a", assignment, update), Sha256Of(update.Bytes()),
                        update.Bytes()));
}

TEST(EngineOnAFullDisk, SiteThatCouldNotBeRememberedIsAtItsNextCheckIn) {
  EngineRig rig({}, testing::StoreOn::kDisk);
  rig.disk().FillUp();
  EXPECT_THAT(rig.engine().CheckIn("a", "test"), IsStatus(kNoSpace, HasSubstr("store")));
  EXPECT_FALSE(rig.storage().Check().ok()) << "the store's faults count as well";
  rig.disk().Heal();
  MR_ASSERT_OK(rig.engine().CheckIn("a", "test"));
  rig.Restart();
  EXPECT_EQ(rig.engine().Sites().size(), 1u);
}

TEST(EngineWithLittleFreeSpace, OpensNoRoundUntilThereIsMore) {
  EngineRig rig;
  rig.Start();
  rig.disk().SetFreeBytes(EngineRig::kMinFreeBytes - 1);
  rig.clock().Advance(StorageHealth::kRetryAfter);
  rig.OpenRound(kThreeSites);
  EXPECT_EQ(rig.Run().Current(), nullptr);
  EXPECT_THAT(rig.Run().held_up, AllOf(HasSubstr("no round opened"), HasSubstr("min_free_mb")));
  rig.disk().SetFreeBytes(EngineRig::kMinFreeBytes);
  rig.clock().Advance(StorageHealth::kRetryAfter);
  rig.OpenRound(kThreeSites);
  EXPECT_NE(rig.Run().Current(), nullptr);
  EXPECT_EQ(rig.Run().held_up, "");
}

TEST(EngineOnAFullDisk, ModelIsTheOneOfARunWithSpace) {
  std::vector<Digest> models;
  for (const bool full : {false, true}) {
    EngineRig rig;
    rig.Start({.rounds = 1, .normalization = "none"});
    rig.OpenRound(kThreeSites);
    for (const std::string& site : kThreeSites) {
      if (full) rig.disk().FillUp();
      EXPECT_EQ(rig.SendHonest(site).ok(), !full);
      rig.engine().Step();
      rig.disk().Heal();
      if (full) {
        rig.clock().Advance(StorageHealth::kRetryAfter);
        rig.engine().Step();
        MR_EXPECT_OK(rig.SendHonest(site));
      }
      rig.engine().Step();
    }
    models.push_back(rig.Run().Newest().parameters);
    EXPECT_EQ(rig.Run().Newest().version, 1);
  }
  EXPECT_EQ(models[0], models[1]);
}

TEST(EngineOnADyingStore, EventThatIsNotRecordedIsNotAcknowledged) {
  EngineRig rig;
  rig.Start();
  rig.OpenRound(kThreeSites);
  rig.store().DieAtAppend(0, /*written=*/false);
  EXPECT_THAT(rig.SendHonest("a"), IsStatus(absl::StatusCode::kUnavailable, HasSubstr("store")));
  EXPECT_TRUE(rig.Run().Current()->contributions.empty());
  rig.store().Revive();
  MR_EXPECT_OK(rig.SendHonest("a"));
}

TEST(EngineOnADyingStore, StepTriesAgainLater) {
  EngineRig rig;
  rig.Start();
  for (const std::string& site : kThreeSites) MR_ASSERT_OK(rig.engine().CheckIn(site, "test"));
  rig.store().DieAtAppend(0, /*written=*/false);
  EXPECT_EQ(rig.engine().Step(), rig.clock().Now() + EngineOptions().retry_after_fault);
  EXPECT_EQ(rig.Run().Current(), nullptr);
  rig.store().Revive();
  rig.clock().Advance(EngineOptions().retry_after_fault);
  rig.engine().Step();
  EXPECT_NE(rig.Run().Current(), nullptr);
}

}  // namespace
}  // namespace millrace
