// SPDX-License-Identifier: Apache-2.0
#include "client/release/model_folder.h"

#include <gmock/gmock.h>

#include "base/memory_file_system.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;

class ModelFolderTest : public ::testing::Test {
 protected:
  std::string Read(const std::string& path) {
    return files_.Exists(path) ? ReadFile(&files_, path, 100).value() : "none";
  }
  void Install(absl::string_view package) {
    MR_ASSERT_OK(folder_.Stage(package));
    MR_ASSERT_OK(folder_.TakeNext());
    MR_ASSERT_OK(folder_.Promote(ModelFolder::Former::kKeep));
  }

  MemoryFileSystem files_;
  ModelFolder folder_{&files_, "state", "pumps"};
};

TEST_F(ModelFolderTest, KeepsWhatServedBefore) {
  Install("one");
  EXPECT_EQ(Read(folder_.CurrentPath()), "one");
  Install("two");
  EXPECT_EQ(Read(folder_.CurrentPath()), "two");
  EXPECT_EQ(Read(folder_.PreviousPath()), "one");
  EXPECT_FALSE(folder_.HasNext());
}

TEST_F(ModelFolderTest, GoesBackOnce) {
  Install("one");
  Install("two");
  MR_ASSERT_OK(folder_.RollBack());
  EXPECT_EQ(Read(folder_.CurrentPath()), "one");
  EXPECT_THAT(folder_.RollBack(), IsStatus(absl::StatusCode::kNotFound, ::testing::_));
  EXPECT_EQ(Read(folder_.CurrentPath()), "one");
}

TEST_F(ModelFolderTest, WhatIsRefusedDoesNotComeBack) {
  Install("one");
  MR_ASSERT_OK(folder_.Stage("two"));
  EXPECT_TRUE(folder_.HasNext());
  MR_ASSERT_OK(folder_.TakeNext());
  MR_ASSERT_OK(folder_.Refuse());
  EXPECT_FALSE(folder_.HasNext());
  EXPECT_EQ(Read(folder_.CurrentPath()), "one");
}

TEST_F(ModelFolderTest, KilledBetweenTheRenamesItStillHasBothFiles) {
  Install("one");
  MR_ASSERT_OK(folder_.Stage("two"));
  MR_ASSERT_OK(folder_.TakeNext());
  MR_ASSERT_OK(files_.Rename(folder_.CurrentPath(), folder_.PreviousPath()));  // and no further
  EXPECT_TRUE(folder_.HasNext());
  MR_ASSERT_OK(folder_.TakeNext());
  MR_ASSERT_OK(folder_.Promote(ModelFolder::Former::kKeep));
  EXPECT_EQ(Read(folder_.CurrentPath()), "two");
  EXPECT_EQ(Read(folder_.PreviousPath()), "one");
}

TEST_F(ModelFolderTest, RemembersTheNewestVersionAndNoOlderOne) {
  const std::string digest(32, 'd');
  EXPECT_EQ(folder_.Newest()->version, -1);
  MR_ASSERT_OK(folder_.NoteVersion({4, digest}));
  MR_ASSERT_OK(folder_.NoteVersion({3, std::string(32, 'e')}));
  MR_ASSERT_OK_AND_ASSIGN(const NewestVersion newest, folder_.Newest());
  EXPECT_EQ(newest.version, 4);
  EXPECT_EQ(newest.parameters_sha256, digest);
  for (const char* damaged : {"", "4", "4 dd",
                              "x "
                              "64646464646464646464646464646464"}) {
    MR_ASSERT_OK(WriteFileDurably(&files_, "state/models/pumps.newest", damaged));
    EXPECT_THAT(folder_.Newest(),
                IsStatus(absl::StatusCode::kUnavailable, ::testing::HasSubstr("move it away")));
  }
}

TEST_F(ModelFolderTest, RemembersFromWhenOnAModelIsSlowAndOfNoOtherOne) {
  const std::string digest(32, 'd');
  EXPECT_EQ(folder_.SlowNs(digest), 0);
  Install("one");
  MR_ASSERT_OK(folder_.NoteSlowNs(digest, 1'500'000));
  EXPECT_EQ(folder_.SlowNs(digest), 1'500'000);
  EXPECT_EQ(folder_.SlowNs(std::string(32, 'e')), 0);
  MR_ASSERT_OK(WriteFileDurably(&files_, "state/models/pumps/slow", "soon"));
  EXPECT_EQ(folder_.SlowNs(digest), 0);
}

TEST_F(ModelFolderTest, RemembersHowLongPackagesHaveWaited) {
  EXPECT_EQ(folder_.WaitedNs(), 0);
  MR_EXPECT_OK(folder_.EndWait());
  Install("one");
  MR_ASSERT_OK(folder_.NoteWaitedNs(60'000'000'000));
  EXPECT_EQ(folder_.WaitedNs(), 60'000'000'000);
  for (const char* damaged : {"long", "-5", ""}) {
    MR_ASSERT_OK(WriteFileDurably(&files_, "state/models/pumps/waited", damaged));
    EXPECT_EQ(folder_.WaitedNs(), 0) << damaged;
  }
  MR_EXPECT_OK(folder_.EndWait());
  EXPECT_FALSE(files_.Exists("state/models/pumps/waited"));
}

TEST_F(ModelFolderTest, WhatIsStagedDuringAnInstallationTakesThePlaceOfWhatWaits) {
  MR_ASSERT_OK(folder_.Stage("one"));
  MR_ASSERT_OK(folder_.TakeNext());
  MR_ASSERT_OK(folder_.TakeNext());  // nothing is staged
  MR_ASSERT_OK(folder_.Stage("two"));
  EXPECT_EQ(Read(folder_.InstallingPath()), "one");
  EXPECT_TRUE(folder_.HasStaged());
  MR_ASSERT_OK(folder_.TakeNext());
  EXPECT_EQ(Read(folder_.InstallingPath()), "two");
  EXPECT_FALSE(folder_.HasStaged());
}

TEST_F(ModelFolderTest, WhatReplacesTheCurrentOneLeavesThePreviousOne) {
  Install("one");
  Install("two");
  MR_ASSERT_OK(folder_.Stage("two, signed anew"));
  MR_ASSERT_OK(folder_.TakeNext());
  MR_ASSERT_OK(folder_.Promote(ModelFolder::Former::kReplace));
  EXPECT_EQ(Read(folder_.CurrentPath()), "two, signed anew");
  EXPECT_EQ(Read(folder_.PreviousPath()), "one");
}

TEST_F(ModelFolderTest, TriesAreCountedUntilTheTrialEnds) {
  MR_ASSERT_OK(folder_.Stage("one"));
  MR_ASSERT_OK(folder_.TakeNext());
  for (int i = 0; i < 3; ++i) MR_ASSERT_OK(folder_.CountTry());
  EXPECT_THAT(folder_.CountTry(), IsStatus(absl::StatusCode::kFailedPrecondition,
                                           ::testing::HasSubstr("was loaded 3 times")));
  EXPECT_FALSE(folder_.CurrentIsOnTrial()) << "it is not the current one";
  MR_ASSERT_OK(folder_.Promote(ModelFolder::Former::kKeep));
  EXPECT_TRUE(folder_.CurrentIsOnTrial());
  MR_ASSERT_OK(folder_.EndTrial());
  EXPECT_FALSE(folder_.CurrentIsOnTrial());
  MR_EXPECT_OK(folder_.CountTry());
}

}  // namespace
}  // namespace millrace
