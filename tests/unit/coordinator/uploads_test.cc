// SPDX-License-Identifier: Apache-2.0
#include "coordinator/engine/uploads.h"

#include <gmock/gmock.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "base/memory_file_system.h"
#include "base/retry_after.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;

/// For disks of which something else goes another way.
class DiskInMemory : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    return base_.Open(path, mode);
  }
  absl::Status CreateDirectories(const std::string& path) override {
    return base_.CreateDirectories(path);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return base_.Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override { return base_.Remove(path); }
  absl::Status SyncDirectory(const std::string& path) override { return base_.SyncDirectory(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    return base_.List(path);
  }
  bool Exists(const std::string& path) override { return base_.Exists(path); }
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override {
    return base_.FreeBytes(path);
  }

 private:
  MemoryFileSystem base_;
};

/// A disk in memory that holds up whoever opens an update of `site`, until it is let go.
class SlowForOneSite final : public DiskInMemory {
 public:
  explicit SlowForOneSite(const std::string& site) : slow_("/" + site + ".part") {}

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    if (path.ends_with(slow_)) {
      reached_.Notify();
      released_.WaitForNotification();
    }
    return DiskInMemory::Open(path, mode);
  }

  void AwaitOpening() { reached_.WaitForNotification(); }
  void Release() { released_.Notify(); }

 private:
  const std::string slow_;
  absl::Notification reached_;
  absl::Notification released_;
};

/// A disk in memory whose syncs of files take until they are let go.
class SlowToSync final : public DiskInMemory {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    auto file = DiskInMemory::Open(path, mode);
    if (!file.ok()) return file.status();
    return std::make_unique<SlowFile>(this, *std::move(file));
  }

  void AwaitSync() { reached_.WaitForNotification(); }
  void Release() { released_.Notify(); }

 private:
  class SlowFile final : public File {
   public:
    SlowFile(SlowToSync* disk, std::unique_ptr<File> file) : disk_(disk), file_(std::move(file)) {}
    absl::StatusOr<int64_t> Size() override { return file_->Size(); }
    absl::Status ReadAt(int64_t offset, std::span<char> out) override {
      return file_->ReadAt(offset, out);
    }
    absl::Status WriteAt(int64_t offset, std::span<const char> data) override {
      return file_->WriteAt(offset, data);
    }
    void StartWriteback(int64_t offset, int64_t length) override {
      file_->StartWriteback(offset, length);
    }
    absl::Status Truncate(int64_t size) override { return file_->Truncate(size); }
    absl::Status Sync() override {
      disk_->reached_.Notify();
      disk_->released_.WaitForNotification();
      return file_->Sync();
    }

   private:
    SlowToSync* const disk_;
    const std::unique_ptr<File> file_;
  };

  absl::Notification reached_;
  absl::Notification released_;
};

class UploadsTest : public ::testing::Test {
 protected:
  UploadsTest() : area_(UploadArea::Create(&files_, "uploads").value()), uploads_(area_.get()) {}

  static constexpr char kBytes[] = "12345678";  // two floats
  MemoryFileSystem files_;
  std::unique_ptr<UploadArea> area_;
  Uploads uploads_;
  const RoundId round_{"tiny-1", 3, 1};
  const UpdateClaim claim_{round_, "press-7", 8, {}, 5};
  const Digest digest_ = Sha256Of(kBytes);
};

TEST_F(UploadsTest, WhatLiesOnDiskFromBeforeARestartCountsUntilItsRoundIsOver) {
  MR_ASSERT_OK(files_.CreateDirectories("uploads/tiny-1/3-1"));
  MR_ASSERT_OK(WriteFileDurably(&files_, "uploads/tiny-1/3-1/press-7.part", "1234"));
  MR_ASSERT_OK(WriteFileDurably(&files_, "uploads/tiny-1/3-1/press-8.update", kBytes));
  Uploads uploads(area_.get(), 24);
  MR_ASSERT_OK(uploads.CountStaged(round_));
  UpdateClaim other{{"other-1", 1, 1}, "lathe", 16, {}, 5};
  EXPECT_THAT(uploads.Begin(other, digest_),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("12 bytes are free")));
  MR_EXPECT_OK(uploads.Begin(claim_, digest_)) << "in the place of what it has sent before";
  other.bytes = 12;
  EXPECT_THAT(uploads.Begin(other, digest_),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("8 bytes are free")));
  uploads.DiscardRound(round_);
  other.bytes = 24;
  MR_EXPECT_OK(uploads.Begin(other, digest_));
}

TEST_F(UploadsTest, BeginningAgainGivesTheSameUpload) {
  MR_ASSERT_OK_AND_ASSIGN(const auto upload, uploads_.Begin(claim_, digest_));
  MR_ASSERT_OK(upload->Append(0, {kBytes, 5}));
  MR_ASSERT_OK_AND_ASSIGN(const auto again, uploads_.Begin(claim_, digest_));
  EXPECT_EQ(again, upload);
  EXPECT_EQ(again->received(), 5);
}

TEST_F(UploadsTest, AnotherDigestReplacesAnUnfinishedUpload) {
  MR_ASSERT_OK(uploads_.Begin(claim_, digest_).value()->Append(0, {kBytes, 5}));
  MR_ASSERT_OK_AND_ASSIGN(const auto other, uploads_.Begin(claim_, Sha256Of("abcdefgh")));
  EXPECT_EQ(other->digest(), Sha256Of("abcdefgh"));
}

TEST_F(UploadsTest, AnotherDigestDoesNotReplaceAFinishedUpload) {
  {
    MR_ASSERT_OK_AND_ASSIGN(const auto upload, uploads_.Begin(claim_, digest_));
    MR_ASSERT_OK(upload->Append(0, {kBytes, 8}));
    MR_ASSERT_OK(upload->Finish());
  }
  EXPECT_THAT(uploads_.Begin(claim_, Sha256Of("abcdefgh")),
              IsStatus(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("site press-7"), HasSubstr("tiny-1 round 3 attempt 1"),
                             HasSubstr(digest_.Hex()))));
}

TEST_F(UploadsTest, AcceptedUpdateIsFoundAgainByANewProcess) {
  {
    MR_ASSERT_OK_AND_ASSIGN(const auto upload, uploads_.Begin(claim_, digest_));
    MR_ASSERT_OK(upload->Append(0, {kBytes, 8}));
    MR_ASSERT_OK(upload->Finish());
  }
  MR_ASSERT_OK_AND_ASSIGN(const auto area, UploadArea::Create(&files_, "uploads"));
  Uploads later(area.get());
  MR_ASSERT_OK_AND_ASSIGN(const auto found,
                          later.FindAccepted(round_, {"press-7", digest_, 5, 8}, false));
  std::string read(8, 0);
  MR_ASSERT_OK(found->ReadAt(0, read));
  EXPECT_EQ(read, kBytes);
}

TEST_F(UploadsTest, AcceptedUpdateThatIsGoneIsAnError) {
  EXPECT_THAT(uploads_.FindAccepted(round_, {"press-7", digest_, 5, 8}, false),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("site press-7")));
}

TEST_F(UploadsTest, DiscardedRoundTakesItsUploadsAndNoOthers) {
  UpdateClaim other = claim_;
  other.round.attempt = 2;
  MR_ASSERT_OK(uploads_.Begin(claim_, digest_));
  MR_ASSERT_OK(uploads_.Begin(other, digest_));
  uploads_.DiscardRound(round_);
  EXPECT_FALSE(uploads_.Find(round_, "press-7").ok());
  EXPECT_FALSE(files_.Exists("uploads/tiny-1/3-1/press-7.part"));
  MR_EXPECT_OK(uploads_.Find(other.round, "press-7"));
}

TEST(UploadsOfManySites, OneThatTakesItsTimeHoldsUpNoOther) {
  SlowForOneSite files("slow");
  const auto area = UploadArea::Create(&files, "uploads").value();
  Uploads uploads(area.get());
  const Digest digest = Sha256Of("12345678");
  const RoundId round{"tiny-1", 3, 1};
  std::thread slow([&] { MR_EXPECT_OK(uploads.Begin({round, "slow", 8, {}, 5}, digest)); });
  files.AwaitOpening();
  MR_EXPECT_OK(uploads.Begin({round, "fast", 8, {}, 5}, digest));
  MR_EXPECT_OK(uploads.Find(round, "fast"));
  EXPECT_THAT(uploads.Begin({round, "slow", 8, {}, 5}, digest),
              IsStatus(absl::StatusCode::kUnavailable, HasSubstr("site slow")))
      << "nor itself, in a second call";
  files.Release();
  slow.join();
  MR_EXPECT_OK(uploads.Find(round, "slow"));
  MR_EXPECT_OK(uploads.Begin({round, "slow", 8, {}, 5}, digest));
}

TEST(UploadsOfManySites, NobodyWaitsForTheSyncOfAnUpdate) {
  SlowToSync files;
  const auto area = UploadArea::Create(&files, "uploads").value();
  Uploads uploads(area.get());
  const std::string bytes = "12345678";
  const UpdateClaim claim{{"tiny-1", 3, 1}, "press-7", 8, {}, 5};
  MR_ASSERT_OK_AND_ASSIGN(const auto upload, uploads.Begin(claim, Sha256Of(bytes)));
  MR_ASSERT_OK(upload->Append(0, bytes));
  std::thread first([&] { MR_EXPECT_OK(upload->Finish()); });
  files.AwaitSync();

  MR_ASSERT_OK_AND_ASSIGN(const auto again, uploads.Begin(claim, Sha256Of(bytes)));
  EXPECT_EQ(again->received(), 8);
  EXPECT_FALSE(again->finished());
  const auto busy = IsStatus(absl::StatusCode::kUnavailable,
                             AllOf(HasSubstr("site press-7"), HasSubstr("tiny-1 round 3")));
  EXPECT_THAT(again->Append(8, std::string()), busy);
  const absl::Status second = again->Finish();
  EXPECT_THAT(second, busy);
  EXPECT_TRUE(RetryAfter(second).has_value());
  EXPECT_THAT(uploads.Begin(claim, Sha256Of("abcdefgh")), busy);

  files.Release();
  first.join();
  MR_EXPECT_OK(again->Finish());
  EXPECT_THAT(uploads.Begin(claim, Sha256Of("abcdefgh")),
              IsStatus(absl::StatusCode::kAlreadyExists, HasSubstr("site press-7")));
}

TEST_F(UploadsTest, RemovedUploadBeginsAnew) {
  MR_ASSERT_OK(uploads_.Begin(claim_, digest_).value()->Append(0, {kBytes, 5}));
  uploads_.Remove(round_, "press-7");
  EXPECT_EQ(uploads_.Begin(claim_, digest_).value()->received(), 0);
}

}  // namespace
}  // namespace millrace
