// SPDX-License-Identifier: Apache-2.0
#include "coordinator/storage/storage_health.h"

#include <gmock/gmock.h>

#include "base/memory_file_system.h"
#include "base/retry_after.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::DiskCall;
using testing::DiskFault;
using ::testing::HasSubstr;
using testing::IsStatus;

constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;
constexpr int64_t kFloor = 100 << 20;  // bytes

class StorageHealthTest : public ::testing::Test {
 protected:
  absl::Status Write() { return WriteFileDurably(storage_.files(), "file", "content"); }

  MemoryFileSystem memory_;
  testing::FaultyFileSystem disk_{&memory_};
  StorageHealth storage_{&disk_, ".", kFloor};
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

TEST_F(StorageHealthTest, TakesWhatComesWhileTheDiskWorks) {
  MR_EXPECT_OK(Write());
  EXPECT_EQ(storage_.Probe(now_), absl::InfiniteFuture());
  MR_EXPECT_OK(storage_.Check());
  EXPECT_EQ(disk_.Calls(DiskCall::kWrite), 1) << "a disk that works is not written to for a trial";
}

TEST_F(StorageHealthTest, EveryChangeThatFailsIsExhaustionAndClosesIt) {
  for (const DiskCall call : {DiskCall::kOpen, DiskCall::kWrite, DiskCall::kSync,
                              DiskCall::kTruncate, DiskCall::kRename, DiskCall::kSyncDirectory}) {
    for (const DiskFault fault : {DiskFault::kIoError, DiskFault::kDiskFull}) {
      MR_ASSERT_OK(Write());
      disk_.FailCall(call, 0, fault);
      EXPECT_THAT(Write(), IsStatus(kExhausted, HasSubstr("injected")));
      EXPECT_THAT(storage_.Check(),
                  IsStatus(kExhausted, AllOf(HasSubstr("injected"), HasSubstr("every 5s"))));
      EXPECT_EQ(RetryAfter(storage_.Check()), StorageHealth::kRetryAfter);
      storage_.Probe(now_);
      MR_EXPECT_OK(storage_.Check()) << "it was this one call";
    }
  }
  EXPECT_EQ(storage_.Read().faults, 12);
}

TEST_F(StorageHealthTest, ReadingThatFailsClosesNothing) {
  MR_ASSERT_OK(Write());
  disk_.FailCall(DiskCall::kRead, 0);
  EXPECT_THAT(ReadFile(storage_.files(), "file").status(),
              IsStatus(absl::StatusCode::kUnavailable, HasSubstr("injected")));
  MR_EXPECT_OK(storage_.Check());
}

TEST_F(StorageHealthTest, IsTriedAgainInItsTimeUntilItCanBeWritten) {
  disk_.FillUp();
  EXPECT_FALSE(Write().ok());
  EXPECT_EQ(storage_.Probe(now_), now_ + StorageHealth::kRetryAfter);
  const int64_t calls = disk_.AllCalls();
  storage_.Probe(now_ + absl::Seconds(1));
  EXPECT_EQ(disk_.AllCalls(), calls) << "not before its time";
  EXPECT_FALSE(storage_.Check().ok());
  disk_.Heal();
  now_ += StorageHealth::kRetryAfter;
  EXPECT_EQ(storage_.Probe(now_), absl::InfiniteFuture());
  MR_EXPECT_OK(storage_.Check());
  EXPECT_FALSE(disk_.Exists("./trial"));
  EXPECT_TRUE(storage_.Read().writable);
}

TEST_F(StorageHealthTest, FaultOfTheStoreClosesItToo) {
  storage_.Note(absl::UnavailableError("store: busy"));
  storage_.Note(absl::OkStatus());
  MR_EXPECT_OK(storage_.Check());
  storage_.Note(absl::ResourceExhaustedError("store: database or disk is full"));
  EXPECT_THAT(storage_.Check(), IsStatus(kExhausted, HasSubstr("disk is full")));
}

TEST_F(StorageHealthTest, TakesNothingNewBelowTheFloor) {
  disk_.SetFreeBytes(kFloor - 1);
  EXPECT_EQ(storage_.Probe(now_), now_ + StorageHealth::kRetryAfter);
  EXPECT_THAT(storage_.Check(), IsStatus(kExhausted, AllOf(HasSubstr("99 MiB are free"),
                                                           HasSubstr("min_free_mb = 100"))));
  EXPECT_EQ(storage_.Read().free_bytes, kFloor - 1);
  MR_EXPECT_OK(Write()) << "what has begun may end";
  disk_.SetFreeBytes(kFloor);
  storage_.Probe(now_ + StorageHealth::kRetryAfter);
  MR_EXPECT_OK(storage_.Check());
}

}  // namespace
}  // namespace millrace
