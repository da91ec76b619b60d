// SPDX-License-Identifier: Apache-2.0
// A start on a folder that is not as it was left.
#include "coordinator/storage/start_check.h"

#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/engine_rig.h"

namespace millrace {
namespace {

using testing::EngineRig;
using ::testing::HasSubstr;
using testing::kThreeSites;

class StartCheckTest : public ::testing::Test {
 protected:
  StartReport Check(bool whole = false, int64_t keep_versions = 0) {
    const auto report = CheckAtStart(&rig_.store(), &rig_.blobs(), &rig_.area(),
                                     {keep_versions, whole, rig_.clock().Now()});
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(StartReport());
  }
  /// One round is committed, the next one open with an update in.
  void TrainOneRound() {
    rig_.Start({.rounds = 3, .server = "optimizer = \"fedadam\"\n", .normalization = "none"});
    rig_.OpenRound(kThreeSites);
    for (const std::string& site : kThreeSites) MR_ASSERT_OK(rig_.SendHonest(site));
    rig_.engine().Step();
    rig_.OpenRound(kThreeSites);
    MR_ASSERT_OK(rig_.SendHonest("a"));
  }
  std::string PathOf(const Digest& digest) {
    return absl::StrCat("blobs/", digest.Hex().substr(0, 2), "/", digest.Hex());
  }
  /// Turns a bit of the blob over, its length stays.
  void Damage(const Digest& digest) {
    MR_ASSERT_OK_AND_ASSIGN(const auto file,
                            rig_.disk().Open(PathOf(digest), FileSystem::OpenMode::kReadWrite));
    char byte = 0;
    MR_ASSERT_OK(file->ReadAt(3, {&byte, 1}));
    byte ^= 1;
    MR_ASSERT_OK(file->WriteAt(3, {&byte, 1}));
  }

  EngineRig rig_;
};

TEST_F(StartCheckTest, WholeFolderIsLeftAlone) {
  TrainOneRound();
  const int64_t removals = rig_.disk().Calls(testing::DiskCall::kRemove);
  const StartReport report = Check();
  EXPECT_EQ(report.runs, 1);
  EXPECT_EQ(report.blobs, 4) << "two versions and the optimiser's two vectors";
  EXPECT_EQ(report.verified, 3) << "what the run needs to go on";
  EXPECT_EQ(report.removed + report.quarantined + report.discarded + report.failed + report.losses,
            0);
  EXPECT_EQ(rig_.disk().Calls(testing::DiskCall::kRemove), removals);
  EXPECT_EQ(Check(/*whole=*/true).verified, 4);
}

TEST_F(StartCheckTest, RunGoesOnAfterwardsWithEveryAcknowledgedUpdate) {
  TrainOneRound();
  Check();
  rig_.Restart();
  EXPECT_EQ(rig_.Run().Current()->contributions.size(), 1u);
  ASSERT_TRUE(rig_.Finish(kThreeSites));
  testing::ExpectFinishedAndFinite(rig_);
  EXPECT_EQ(rig_.Run().rounds.size(), 4u) << "no attempt was lost";
}

TEST_F(StartCheckTest, WhatNothingRefersToIsRemoved) {
  TrainOneRound();
  MR_ASSERT_OK_AND_ASSIGN(const Digest orphan, WriteBlob(&rig_.blobs(), "half a start"));
  MR_ASSERT_OK(rig_.disk().CreateDirectories("uploads/gone-1/4-1"));
  MR_ASSERT_OK(WriteFileDurably(&rig_.disk(), "uploads/gone-1/4-1/a.update", "bytes"));
  MR_ASSERT_OK(rig_.disk().CreateDirectories("uploads/tiny-1/1-1"));
  MR_ASSERT_OK(WriteFileDurably(&rig_.disk(), "uploads/tiny-1/1-1/b.part", "bytes"));
  const StartReport report = Check();
  EXPECT_EQ(report.removed, 1);
  EXPECT_EQ(report.discarded, 2);
  EXPECT_FALSE(rig_.blobs().Has(orphan));
  EXPECT_FALSE(rig_.disk().Exists("uploads/gone-1"));
  EXPECT_FALSE(rig_.disk().Exists("uploads/tiny-1/1-1"));
  EXPECT_TRUE(rig_.disk().Exists("uploads/tiny-1/2-1/a.update")) << "the open round's";
}

TEST_F(StartCheckTest, RunWithADamagedNewestVersionFailsAndOthersGoOn) {
  TrainOneRound();
  MR_ASSERT_OK(rig_.engine().StartRun(testing::TinyPlan{.seed = 8}.Text()));
  const Digest newest = rig_.Run().Newest().parameters;
  Damage(newest);
  const StartReport report = Check();
  EXPECT_EQ(report.quarantined, 1);
  EXPECT_EQ(report.failed, 1);
  EXPECT_TRUE(rig_.disk().Exists("blobs/quarantine/" + newest.Hex()));
  rig_.Restart();
  EXPECT_EQ(rig_.Run().phase, RunPhase::kFailed);
  EXPECT_THAT(rig_.Run().note, HasSubstr("version 1 is damaged on disk"));
  EXPECT_EQ(rig_.engine().GetRun("tiny-2")->phase, RunPhase::kRunning);
  EXPECT_EQ(Check().failed, 0) << "it has ended";
}

TEST_F(StartCheckTest, QuarantineKeepsItsBoundAndWhatThisStartFound) {
  TrainOneRound();
  const Digest older = Sha256Of("damaged long ago");
  MR_ASSERT_OK(rig_.disk().CreateDirectories("blobs/quarantine"));
  MR_ASSERT_OK(WriteFileDurably(&rig_.disk(), "blobs/quarantine/" + older.Hex(), "0123456789"));
  MR_ASSERT_OK(WriteFileDurably(&rig_.disk(), "blobs/quarantine/a note", "not a blob"));
  const Digest newest = rig_.Run().Newest().parameters;
  const int64_t bytes = rig_.blobs().Open(newest).value()->size();
  Damage(newest);
  const auto dropped = [&] {
    const StartCheckOptions options{0, false, rig_.clock().Now(), /*quarantine_bytes=*/bytes - 1};
    return CheckAtStart(&rig_.store(), &rig_.blobs(), &rig_.area(), options).value().dropped;
  };
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(dropped(), 1);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::AllOf(HasSubstr("damaged blob dropped"),
                               HasSubstr(absl::StrCat(older.Hex(), ", 10 bytes"))));
  EXPECT_FALSE(rig_.disk().Exists("blobs/quarantine/" + older.Hex()));
  EXPECT_TRUE(rig_.disk().Exists("blobs/quarantine/" + newest.Hex())) << "however large it is";
  EXPECT_EQ(dropped(), 1) << "an older one now";
  EXPECT_FALSE(rig_.disk().Exists("blobs/quarantine/" + newest.Hex()));
  EXPECT_EQ(dropped(), 0);
  EXPECT_TRUE(rig_.disk().Exists("blobs/quarantine/a note"));
}

TEST_F(StartCheckTest, DamagedOldVersionIsFoundByAWholeCheckAndCostsNoRun) {
  TrainOneRound();
  Damage(rig_.Run().versions[0].parameters);
  EXPECT_EQ(Check().quarantined, 0) << "its length is right";
  const StartReport report = Check(/*whole=*/true);
  EXPECT_EQ(report.quarantined, 1);
  EXPECT_EQ(report.losses, 1);
  EXPECT_EQ(report.failed, 0);
}

TEST_F(StartCheckTest, BlobOfAnotherLengthIsFoundWithoutReadingIt) {
  TrainOneRound();
  const std::string path = PathOf(rig_.Run().versions[0].parameters);
  MR_ASSERT_OK(rig_.disk().Open(path, FileSystem::OpenMode::kReadWrite).value()->Truncate(8));
  EXPECT_EQ(Check().quarantined, 1);
}

TEST_F(StartCheckTest, DiskThatRemovesNothingDoesNotKeepTheCoordinatorFromStarting) {
  TrainOneRound();
  MR_ASSERT_OK_AND_ASSIGN(const Digest orphan, WriteBlob(&rig_.blobs(), "half a start"));
  rig_.disk().FailCall(testing::DiskCall::kRemove, 0);
  EXPECT_EQ(Check().removed, 0);
  EXPECT_EQ(Check().removed, 1);
  EXPECT_FALSE(rig_.blobs().Has(orphan));
}

}  // namespace
}  // namespace millrace
