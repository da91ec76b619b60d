// SPDX-License-Identifier: Apache-2.0
// Wherever a site's daemon dies, with or without a power cut, its spool holds an update that can be
// sent, whole, or none.
#include "client/session/spool.h"

#include <gmock/gmock.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/memory_file_system.h"
#include "base/status.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::FaultyFileSystem;
using ::testing::HasSubstr;
using testing::IsStatus;

std::string BytesOf(const Digest& digest) { return {digest.bytes.begin(), digest.bytes.end()}; }

v1::Assignment AssignmentOf(int64_t round, int32_t attempt = 1) {
  v1::Assignment assignment;
  assignment.mutable_id()->set_run("tiny-1");
  assignment.mutable_id()->set_round(round);
  assignment.mutable_id()->set_attempt(attempt);
  assignment.set_layout_sha256("layout");
  return assignment;
}

std::string UpdateOf(int64_t round) { return absl::StrCat("update of round ", round, ", long"); }

class SpoolTest : public ::testing::Test {
 protected:
  SpoolTest() { Reopen(); }

  void Reopen() { spool_ = Spool::Create(&disk_, "spool").value(); }

  /// What a training process and then the session do.
  absl::StatusOr<v1::UploadHeader> Work(int64_t round) {
    MR_RETURN_IF_ERROR(WriteFileDurably(&disk_, spool_->UpdatePath(), UpdateOf(round)));
    return spool_->KeepUpdate(AssignmentOf(round), 7);
  }

  /// The bytes that a session would send for this round; empty if there are none.
  std::string Sendable(int64_t round) {
    const std::optional<v1::UploadHeader> header = spool_->Update(AssignmentOf(round).id());
    if (!header) return "";
    const auto file = spool_->OpenUpdate();
    EXPECT_THAT(file, testing::IsOk());
    if (!file.ok()) return "missing";
    EXPECT_EQ(BytesOf(DigestOfFile(file->get()).value()), header->sha256());
    std::string bytes(header->bytes(), 0);
    MR_EXPECT_OK((*file)->ReadAt(0, bytes));
    return bytes;
  }

  Digest KeepModel(const std::string& bytes) {
    const Digest digest = Sha256Of(bytes);
    MR_EXPECT_OK(spool_->OpenPartialModel(digest).value()->WriteAt(0, bytes));
    MR_EXPECT_OK(spool_->KeepModel(digest));
    return digest;
  }

  MemoryFileSystem memory_;
  FaultyFileSystem disk_{&memory_};
  std::unique_ptr<Spool> spool_;
};

TEST_F(SpoolTest, KeptUpdateIsFoundAfterARestartWithItsAnnouncement) {
  MR_ASSERT_OK_AND_ASSIGN(const v1::UploadHeader header, Work(3));
  EXPECT_EQ(header.weight(), 7);
  EXPECT_EQ(header.bytes(), static_cast<int64_t>(UpdateOf(3).size()));
  EXPECT_EQ(header.layout_sha256(), "layout");
  EXPECT_EQ(header.sha256(), BytesOf(Sha256Of(UpdateOf(3))));
  Reopen();
  ASSERT_TRUE(spool_->Update(AssignmentOf(3).id()));
  EXPECT_EQ(spool_->Update(AssignmentOf(3).id())->SerializeAsString(), header.SerializeAsString());
  EXPECT_EQ(Sendable(3), UpdateOf(3));
}

TEST_F(SpoolTest, UpdateAnswersItsOwnRoundAndAttemptOnly) {
  MR_ASSERT_OK(Work(3));
  EXPECT_FALSE(spool_->Update(AssignmentOf(4).id()));
  EXPECT_FALSE(spool_->Update(AssignmentOf(3, 2).id()));
  v1::RoundId other_run = AssignmentOf(3).id();
  other_run.set_run("tiny-2");
  EXPECT_FALSE(spool_->Update(other_run));
}

TEST_F(SpoolTest, DroppedUpdateIsGone) {
  MR_ASSERT_OK(Work(3));
  spool_->DropUpdate();
  EXPECT_FALSE(spool_->Update(AssignmentOf(3).id()));
  EXPECT_THAT(disk_.List("spool"), testing::IsOkAndHolds(::testing::IsEmpty()));
  spool_->DropUpdate();  // nothing to drop is no trouble
}

TEST_F(SpoolTest, GarbageInPlaceOfAHeaderIsNoUpdate) {
  for (const char* garbage : {"", "\xff\xff\xff", "text"}) {
    MR_ASSERT_OK(WriteFileDurably(&disk_, "spool/update.header", garbage));
    EXPECT_FALSE(spool_->Update(AssignmentOf(3).id()));
  }
}

/// A spool with round 3's update in it, which then dies at `call` while `work` is done.
template <typename Work>
void ForEveryDeath(bool power_cut, const Work& work,
                   const std::function<void(Spool&, FaultyFileSystem&)>& check) {
  for (int64_t call = 0;; ++call) {
    SCOPED_TRACE(absl::StrCat("call ", call, power_cut ? ", power cut" : ""));
    MemoryFileSystem memory;
    FaultyFileSystem disk(&memory);
    auto spool = Spool::Create(&disk, "spool").value();
    MR_CHECK(disk.SyncDirectory(".").ok());
    MR_CHECK(WriteFileDurably(&disk, spool->UpdatePath(), UpdateOf(3)).ok());
    MR_CHECK(spool->KeepUpdate(AssignmentOf(3), 7).ok());
    disk.DieAt(call);
    work(*spool, disk);
    const bool died = disk.dead();
    disk.Heal();
    if (power_cut) disk.LosePower();
    spool = Spool::Create(&disk, "spool").value();
    check(*spool, disk);
    if (!died) return;  // every call has had its turn
  }
}

void ExpectWholeOrNone(Spool& spool, int64_t round) {
  const std::optional<v1::UploadHeader> header = spool.Update(AssignmentOf(round).id());
  if (!header) return;
  const auto file = spool.OpenUpdate();
  MR_ASSERT_OK(file);
  EXPECT_EQ(BytesOf(DigestOfFile(file->get()).value()), header->sha256());
  EXPECT_EQ(header->sha256(), BytesOf(Sha256Of(UpdateOf(round))));
}

class SpoolDeath : public ::testing::TestWithParam<bool> {};

TEST_P(SpoolDeath, WhileTheNextUpdateIsKeptLeavesItWholeOrNotAtAll) {
  bool kept = false;
  ForEveryDeath(
      GetParam(),
      [&](Spool& spool, FaultyFileSystem& disk) {
        kept = WriteFileDurably(&disk, spool.UpdatePath(), UpdateOf(4)).ok() &&
               spool.KeepUpdate(AssignmentOf(4), 7).ok();
      },
      [&](Spool& spool, FaultyFileSystem&) {
        ExpectWholeOrNone(spool, 4);
        if (kept) {
          EXPECT_TRUE(spool.Update(AssignmentOf(4).id())) << "it was said to be durable";
        }
      });
  EXPECT_TRUE(kept) << "the last turn is one without a death";
}

TEST_P(SpoolDeath, WhileAnUpdateIsDroppedLeavesItWholeOrNotAtAll) {
  ForEveryDeath(
      GetParam(), [](Spool& spool, FaultyFileSystem&) { spool.DropUpdate(); },
      [](Spool& spool, FaultyFileSystem&) { ExpectWholeOrNone(spool, 3); });
}

INSTANTIATE_TEST_SUITE_P(All, SpoolDeath, ::testing::Bool(), [](const auto& info) {
  return info.param ? "ByPowerCut" : "OfTheProcess";
});

TEST_F(SpoolTest, ModelIsKeptInPlaceOfTheOneBefore) {
  const Digest first = KeepModel("first");
  ASSERT_TRUE(spool_->Model(first));
  const Digest second = KeepModel("second");
  EXPECT_FALSE(spool_->Model(first));
  ASSERT_TRUE(spool_->Model(second));
  EXPECT_THAT(ReadFile(&disk_, *spool_->Model(second)), testing::IsOkAndHolds("second"));
}

TEST_F(SpoolTest, KeptModelWithOtherBytesIsNoModelAndGone) {
  const Digest digest = KeepModel("model");
  const std::string path = spool_->Model(digest).value();
  MR_ASSERT_OK(WriteFileDurably(&disk_, path, "mOdel"));
  EXPECT_FALSE(spool_->Model(digest));
  EXPECT_FALSE(disk_.Exists(path));
  KeepModel("model");
  EXPECT_TRUE(spool_->Model(digest));
}

TEST_F(SpoolTest, ModelWhoseBytesAPowerCutTookIsNoModel) {
  MR_ASSERT_OK(disk_.SyncDirectory("."));
  const Digest digest = KeepModel("model");
  MR_ASSERT_OK(disk_.SyncDirectory("spool"));  // its name lasts, its bytes were never synced
  disk_.LosePower();
  Reopen();
  EXPECT_FALSE(spool_->Model(digest));
}

TEST_F(SpoolTest, HalfADownloadIsTakenUpAfterARestart) {
  const Digest digest = Sha256Of("whole model");
  MR_ASSERT_OK(spool_->OpenPartialModel(digest).value()->WriteAt(0, std::string_view("whole ")));
  Reopen();
  EXPECT_FALSE(spool_->Model(digest));
  MR_ASSERT_OK_AND_ASSIGN(const auto partial, spool_->OpenPartialModel(digest));
  EXPECT_EQ(partial->Size().value(), 6);
}

TEST_F(SpoolTest, HalfADownloadOfAnotherModelIsDropped) {
  MR_ASSERT_OK(spool_->OpenPartialModel(Sha256Of("old")));
  MR_ASSERT_OK(spool_->OpenPartialModel(Sha256Of("new")));
  EXPECT_EQ(disk_.List("spool").value().size(), 1u);
}

TEST_F(SpoolTest, DownloadThatIsNotTheModelIsDataLossAndGone) {
  const Digest digest = Sha256Of("model");
  MR_ASSERT_OK(spool_->OpenPartialModel(digest).value()->WriteAt(0, std::string_view("mOdel")));
  EXPECT_THAT(spool_->KeepModel(digest),
              IsStatus(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr(digest.Hex()), HasSubstr(Sha256Of("mOdel").Hex()))));
  EXPECT_FALSE(spool_->Model(digest));
  EXPECT_EQ(spool_->OpenPartialModel(digest).value()->Size().value(), 0);
}

}  // namespace
}  // namespace millrace
