// SPDX-License-Identifier: Apache-2.0
#include "client/capture/capture_keeper.h"

#include <gmock/gmock.h>

#include "base/memory_file_system.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/capture/captures_testing.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;
using testing::kSecond;
using ::testing::SizeIs;
using testing::SomeCapture;
using testing::SomeRows;

class CaptureKeeperTest : public ::testing::Test {
 protected:
  CaptureKeeperTest() {
    config_.folder = "captures";
    config_.before_s = 5;
    config_.after_s = 10;
    Begin();
  }
  /// As after a kill.
  void Begin() {
    keeper_.reset();
    writer_ = StoreWriter::Open(&disk_, "recordings", {}).value();
    keeper_.emplace(config_, &disk_, writer_.get());
    MR_ASSERT_OK(keeper_->Load(now_ns_));
  }
  /// Rows of the machine, one a second.
  void Record(int64_t from_s, int64_t to_s) {
    MR_EXPECT_OK(writer_->Add(SomeRows("pump-1", from_s, to_s - from_s)));
    MR_EXPECT_OK(writer_->Sync(now_ns_));
  }
  void Announce(int64_t second) {
    MR_EXPECT_OK(keeper_->Announce(SomeCapture(second).event, now_ns_));
  }
  void Work() { MR_EXPECT_OK(keeper_->Work(now_ns_)); }
  std::vector<CaptureEntry> List() { return CaptureFolder(&disk_, "captures").List().value(); }

  int64_t now_ns_ = 1000 * kSecond;
  CaptureConfig config_;
  MemoryFileSystem memory_;
  testing::FaultyFileSystem disk_{&memory_};
  std::unique_ptr<StoreWriter> writer_;
  std::optional<CaptureKeeper> keeper_;
};

TEST_F(CaptureKeeperTest, WindowIsKeptWithWhatWasBeforeAndAfter) {
  Record(50, 101);
  Announce(100);
  Work();
  EXPECT_THAT(List(), IsEmpty()) << "the rows after it are to come";
  Record(101, 120);
  Work();
  ASSERT_THAT(List(), SizeIs(1));
  const Capture capture = CaptureFolder(&disk_, "captures").Read(List()[0].id).value();
  ASSERT_THAT(capture.rows, SizeIs(1));
  EXPECT_EQ(capture.rows[0].first_ns, 91 * kSecond) << "four seconds of window, five before";
  EXPECT_EQ(capture.rows[0].last_ns(), 110 * kSecond);
  EXPECT_EQ(keeper_->counts().taken[0], 1);
  EXPECT_EQ(keeper_->waiting(), 0);
}

TEST_F(CaptureKeeperTest, WhatDoesNotComeIsNotWaitedForForever) {
  Record(50, 101);
  Announce(100);
  now_ns_ += 60 * kSecond;
  Work();
  EXPECT_THAT(List(), SizeIs(1));
  Announce(5000);
  now_ns_ += 60 * kSecond;
  Work();
  EXPECT_THAT(List(), SizeIs(1)) << "there are no rows of then";
  EXPECT_EQ(keeper_->counts().lost, 1);
  EXPECT_THAT(CaptureFolder(&disk_, "captures").Announced().value(), IsEmpty());
}

TEST_F(CaptureKeeperTest, KillBetweenTriggerAndLastRowLosesNothing) {
  Record(50, 103);
  Announce(100);
  Begin();
  EXPECT_EQ(keeper_->waiting(), 1);
  Record(103, 130);
  Work();
  ASSERT_THAT(List(), SizeIs(1));
  const Capture capture = CaptureFolder(&disk_, "captures").Read(List()[0].id).value();
  int64_t rows = 0;
  for (const StoredRows& block : capture.rows) rows += block.rows();
  EXPECT_EQ(rows, 20);
}

TEST_F(CaptureKeeperTest, FullDiskDelaysACaptureAndDoesNotLoseIt) {
  Record(50, 120);
  MR_EXPECT_OK(writer_->Flush());
  disk_.FillUp();
  EXPECT_FALSE(keeper_->Announce(SomeCapture(100).event, now_ns_).ok());
  EXPECT_FALSE(keeper_->Work(now_ns_).ok());
  const int64_t calls = disk_.AllCalls();
  EXPECT_FALSE(keeper_->Work(now_ns_).ok()) << "it is still not there";
  EXPECT_EQ(disk_.AllCalls(), calls) << "it is left alone for a while";
  disk_.Heal();
  now_ns_ += 10 * kSecond;
  Work();
  EXPECT_THAT(List(), SizeIs(1));
}

TEST_F(CaptureKeeperTest, NoMoreWaitThanMemoryBears) {
  for (int64_t second = 1000; second < 2000; ++second) Announce(second);
  EXPECT_THAT(keeper_->Announce(SomeCapture(2000).event, now_ns_),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("wait")));
  EXPECT_EQ(keeper_->waiting(), 1000);
  EXPECT_EQ(keeper_->counts().lost, 1);
}

TEST_F(CaptureKeeperTest, TriggerWithoutAQuotaCallsForNothing) {
  config_.quota_mb[static_cast<size_t>(CaptureTrigger::kAlarm)] = 0;
  Begin();
  Record(50, 120);
  Announce(100);
  EXPECT_EQ(keeper_->waiting(), 0);
}

TEST_F(CaptureKeeperTest, SameRowsAreCapturedOnce) {
  Record(50, 120);
  Announce(100);
  Announce(100);
  Work();
  Announce(100);
  EXPECT_EQ(keeper_->waiting(), 0);
  EXPECT_THAT(List(), SizeIs(1));
}

TEST_F(CaptureKeeperTest, OperatorsButtonCapturesWhatIsNow) {
  Record(50, 101);
  CaptureFolder folder(&disk_, "captures");
  MR_ASSERT_OK(folder.Request("pump-1", "strange noise"));
  MR_ASSERT_OK(folder.Request("fan", ""));
  MR_EXPECT_OK(keeper_->TakeRequests({"pump-1"}, 0, now_ns_));
  EXPECT_EQ(keeper_->waiting(), 1) << "there is no fan";
  Record(101, 120);
  Work();
  ASSERT_THAT(List(), SizeIs(1));
  EXPECT_EQ(List()[0].event.trigger, CaptureTrigger::kButton);
  EXPECT_EQ(List()[0].event.time_ns, 100 * kSecond);
  EXPECT_EQ(List()[0].event.reason, "strange noise");
}

TEST_F(CaptureKeeperTest, AnyCallToTheDiskMayFailAndTheCaptureComes) {
  for (int64_t call = 0; call < 40; ++call) {
    const int64_t second = 10'000 + 1000 * call;
    Record(second - 20, second + 20);
    disk_.FailAnyCall(call, testing::DiskFault::kIoError);
    keeper_->Announce(SomeCapture(second).event, now_ns_).IgnoreError();
    keeper_->Work(now_ns_).IgnoreError();
    disk_.Heal();
    now_ns_ += 10 * kSecond;
    Work();
    ASSERT_THAT(List(), SizeIs(call + 1));
    ASSERT_EQ(keeper_->waiting(), 0);
  }
}

}  // namespace
}  // namespace millrace
