// SPDX-License-Identifier: Apache-2.0
// Starts, rollbacks and kills: what serves afterwards.
#include <gmock/gmock.h>

#include "client/release/releases.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/unit/client/release/releases_fixture.h"

namespace millrace {
namespace {

using ::millrace::testing::FaultyFileSystem;
using ::millrace::testing::ToyPackage;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kNextTry = absl::Seconds(30);
constexpr char kTryingFile[] = "state/models/pumps/trying";

class ReleasesRepairTest : public ReleasesTest {
 protected:
  /// Versions 1 and 2, by ada, of which the second serves.
  void InstallTwo() {
    ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
    ASSERT_EQ(Install(By({"ada"}, ToyPackage(2, 0.6F))), 2);
  }
};

TEST_F(ReleasesRepairTest, ClockThatIsBehindAtAStartTakesNothingAway) {
  InstallTwo();
  clock_.now -= absl::Hours(24 * 60);
  Start();
  EXPECT_EQ(Version(), 2);
  EXPECT_EQ(VersionIn("previous"), 1);
}

TEST_F(ReleasesRepairTest, PackageWaitsForAClockThatIsBehind) {
  Stage(By({"ada"}, ToyPackage(1, 0.5F)));
  clock_.now -= absl::Hours(24 * 60);
  EXPECT_EQ(Look(), 0);
  EXPECT_FALSE(files_.Exists("state/models/pumps/refused"));
  clock_.now = kReleaseDay;
  EXPECT_EQ(Look(kNextTry), 1);
}

TEST_F(ReleasesRepairTest, SiteThatAsksForMoreThanItsModelsHaveKeepsTheirFiles) {
  InstallTwo();
  policy_.signatures = 2;
  Start();
  EXPECT_EQ(Version(), 0);
  EXPECT_EQ(VersionIn("current"), 2);
  EXPECT_EQ(VersionIn("previous"), 1);
  policy_.signatures = 1;
  Start();
  EXPECT_EQ(Version(), 2);
}

TEST_F(ReleasesRepairTest, WhatDoesNotServeIsTriedAgain) {
  InstallTwo();
  const std::string authority = publishers_->authority().certificate_pem;
  const testing::Publishers strangers(kReleaseDay);
  MR_ASSERT_OK(WriteFileDurably(&files_, kAuthorityFile, strangers.authority().certificate_pem));
  Start();
  ASSERT_EQ(Version(), 0);
  MR_ASSERT_OK(WriteFileDurably(&files_, kAuthorityFile, authority));
  EXPECT_EQ(Look(absl::Seconds(1)), 0);
  EXPECT_EQ(Look(kNextTry), 2);
}

TEST_F(ReleasesRepairTest, ModelThatServesIllAfterARestartStillGoesBack) {
  InstallTwo();
  Start();
  ills_[0.6F].gives_no_number = true;
  Feed(4);
  EXPECT_EQ(Look(), 1);
  EXPECT_EQ(VersionIn("current"), 1);
}

TEST_F(ReleasesRepairTest, ModelThatFailsOnABatchFailsOnEachOfItsWindows) {
  InstallTwo();
  ills_[0.6F].fails = absl::InternalError("LibTorch failed");
  Feed(10, /*together=*/true);
  EXPECT_EQ(Look(), 1);
}

TEST_F(ReleasesRepairTest, ModelThatIsSlowInServiceGoesBackUnlessTheMachineIsSlow) {
  InstallTwo();
  ills_[0.6F].takes_ns = 5'000'000;
  ills_[0.5F].takes_ns = 5'000'000;  // training runs
  Feed(120);
  EXPECT_EQ(Look(), 2);
  ills_[0.6F].takes_ns = 500'000'000;
  Feed(120);
  EXPECT_EQ(Look(), 1);
}

TEST_F(ReleasesRepairTest, ServingPackageInstalledAgainLeavesTheOneBefore) {
  InstallTwo();
  EXPECT_EQ(Install(By({"ada", "bob"}, ToyPackage(2, 0.6F))), 2);
  EXPECT_THAT(releases_->ServedModels()[0].publishers, ElementsAre("ada", "bob"));
  EXPECT_EQ(VersionIn("current"), 2);
  EXPECT_EQ(VersionIn("previous"), 1);
}

TEST_F(ReleasesRepairTest, LaterPackageTakesThePlaceOfOneThatWaits) {
  MR_ASSERT_OK(files_.Rename(kAuthorityFile, "site/away"));
  Stage(By({"ada"}, ToyPackage(1, 0.5F)));
  ASSERT_EQ(Look(), 0);
  MR_ASSERT_OK(files_.Rename("site/away", kAuthorityFile));
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(2, 0.6F))), 2);
}

TEST_F(ReleasesRepairTest, ModelThatThrowsIsRefusedAndNotTriedForEver) {
  ills_[0.6F].fails = absl::InternalError("LibTorch failed");
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(2, 0.6F))), 1);
  EXPECT_EQ(VersionIn("refused"), 2);
}

TEST_F(ReleasesRepairTest, PackageThatEndsTheProgramIsRefusedAfterThreeTries) {
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  Stage(By({"ada"}, ToyPackage(2, 0.6F)));
  MR_ASSERT_OK(models_.TakeNext());
  for (int i = 0; i < 3; ++i) MR_ASSERT_OK(models_.CountTry());  // and was killed
  Start();
  EXPECT_EQ(Version(), 1) << "which is not to blame";
  EXPECT_EQ(Look(), 1);
  EXPECT_EQ(VersionIn("refused"), 2);
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(2, 0.6F))), 2) << "installed again it is tried anew";
}

TEST_F(ReleasesRepairTest, ModelThatEndsTheProgramWithinAMinuteGoesBackAtTheFourthLoad) {
  InstallTwo();
  for (int i = 0; i < 2; ++i) {
    Start();
    ASSERT_EQ(Version(), 2);
  }
  Start();
  EXPECT_EQ(Version(), 1);
  Start();
  EXPECT_EQ(Version(), 1) << "it served before";
}

TEST_F(ReleasesRepairTest, ModelThatHasServedForAMinuteIsOnTrialNoMore) {
  InstallTwo();
  EXPECT_TRUE(files_.Exists(kTryingFile));
  EXPECT_EQ(Look(absl::Minutes(1)), 2);
  EXPECT_FALSE(files_.Exists(kTryingFile));
  for (int i = 0; i < 5; ++i) Start();
  EXPECT_EQ(Version(), 2);
}

TEST_F(ReleasesRepairTest, UnsignedFileServesOnlyWhileNobodyCanTell) {
  InstallTwo();
  MR_ASSERT_OK(WriteFileDurably(&files_, models_.CurrentPath(), ToyPackage(9, 0.7F)));
  MR_ASSERT_OK(files_.Rename(kAuthorityFile, "site/away"));
  Start();
  ASSERT_EQ(Version(), 9);
  MR_ASSERT_OK(files_.Rename("site/away", kAuthorityFile));
  EXPECT_EQ(Look(), 1) << "the one before, which is signed";
}

TEST_F(ReleasesRepairTest, UnsignedFileWithNoneBeforeServesNoMoreOnceAnybodyCanTell) {
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  MR_ASSERT_OK(WriteFileDurably(&files_, models_.CurrentPath(), ToyPackage(9, 0.7F)));
  MR_ASSERT_OK(files_.Rename(kAuthorityFile, "site/away"));
  Start();
  ASSERT_EQ(Version(), 9);
  MR_ASSERT_OK(files_.Rename("site/away", kAuthorityFile));
  EXPECT_EQ(Look(), 0);
  EXPECT_THAT(releases_->ServedModels(), IsEmpty());
  EXPECT_EQ(VersionIn("current"), 9) << "for people to look at";
}

TEST_F(ReleasesRepairTest, SignersAreKnownOnceTheAuthorityCanBeRead) {
  InstallTwo();
  MR_ASSERT_OK(files_.Rename(kAuthorityFile, "site/away"));
  Start();
  ASSERT_EQ(Version(), 2);
  EXPECT_THAT(releases_->ServedModels()[0].publishers, IsEmpty());
  MR_ASSERT_OK(files_.Rename("site/away", kAuthorityFile));
  EXPECT_EQ(Look(), 2);
  EXPECT_THAT(releases_->ServedModels()[0].publishers, ElementsAre("ada"));
}

TEST_F(ReleasesRepairTest, KilledAtAnyCallOfAnInstallationAModelServesAtTheNextStart) {
  FaultyFileSystem disk(&files_);
  disk_ = &disk;
  bool died = true;
  for (int call = 0; died; ++call) {
    ASSERT_LT(call, 200);
    for (const char* file : {"pumps/current", "pumps/previous", "pumps/trying", "pumps.newest"}) {
      const std::string path = std::string("state/models/") + file;
      if (files_.Exists(path)) {
        MR_ASSERT_OK(files_.Remove(path));
      }
    }
    Start();
    InstallTwo();
    Stage(By({"ada"}, ToyPackage(3, 0.7F)));
    disk.DieAt(call);
    releases_->Look();
    died = disk.dead();
    disk.Heal();
    Start();
    EXPECT_GE(Version(), 2) << "killed at call " << call;
    EXPECT_EQ(Look(kNextTry), 3) << "killed at call " << call;
    EXPECT_EQ(VersionIn("previous"), 2) << "killed at call " << call;
  }
}

TEST_F(ReleasesRepairTest, KilledAtAnyCallOfARollbackAModelServesAtTheNextStart) {
  FaultyFileSystem disk(&files_);
  disk_ = &disk;
  bool died = true;
  for (int call = 0; died; ++call) {
    ASSERT_LT(call, 200);
    ills_.clear();
    policy_.signatures = 0;
    Start();
    ASSERT_EQ(Install(ToyPackage(10 * call + 1, 0.5F)), 10 * call + 1);
    ASSERT_EQ(Install(ToyPackage(10 * call + 2, 0.6F)), 10 * call + 2);
    ills_[0.6F].gives_no_number = true;
    Feed(4);
    disk.DieAt(call);
    releases_->Look();
    died = disk.dead();
    disk.Heal();
    Start();
    EXPECT_EQ(Version(), 10 * call + 1) << "killed at call " << call;
  }
}

}  // namespace
}  // namespace millrace
