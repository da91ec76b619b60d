// SPDX-License-Identifier: Apache-2.0
#include "client/store/sample_store.h"

#include <gmock/gmock.h>

#include <limits>
#include <set>

#include "base/memory_file_system.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/store/stored_rows_testing.h"

namespace millrace {
namespace {

using testing::DiskCall;
using testing::DiskFault;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;
using testing::kSecond;
using testing::SomeRows;

constexpr int64_t kEver = std::numeric_limits<int64_t>::max();

class SampleStoreTest : public ::testing::Test {
 protected:
  SampleStoreTest() { Open(); }

  void Open() {
    store_.reset();
    auto opened = SampleStore::Open(&disk_, "store", limits_);
    ASSERT_THAT(opened, testing::IsOk());
    store_ = *std::move(opened);
  }
  /// The first seconds of the machine's blocks.
  std::vector<int64_t> Seconds(const std::string& machine = "pump", int64_t from_s = 0,
                               int64_t to_s = kEver / kSecond) {
    std::vector<int64_t> seconds;
    store_->Read(machine, from_s * kSecond, to_s * kSecond, [&](const StoredRows& rows) {
      EXPECT_EQ(rows.machine, machine);
      seconds.push_back(rows.first_ns / kSecond);
      EXPECT_EQ(rows.values[0], static_cast<float>(seconds.back()));
    });
    return seconds;
  }
  void Append(int64_t first_s, const std::string& machine = "pump") {
    MR_EXPECT_OK(store_->Append(SomeRows(machine, first_s)));
  }
  void Damage(const std::string& path, int64_t offset) {
    MR_ASSERT_OK_AND_ASSIGN(auto file, memory_.Open(path, FileSystem::OpenMode::kReadWrite));
    char byte = 0;
    MR_ASSERT_OK(file->ReadAt(offset, std::span(&byte, 1)));
    byte ^= 0x55;
    MR_ASSERT_OK(file->WriteAt(offset, std::span(&byte, 1)));
  }

  const int64_t block_ = std::ssize(EncodeBlock(SomeRows("pump", 100)).value().bytes);
  SampleStore::Limits limits_{
      .quota_bytes = 20 * block_, .segment_bytes = 4 * block_, .retention = absl::Hours(24)};
  MemoryFileSystem memory_;
  testing::FaultyFileSystem disk_{&memory_};
  std::unique_ptr<SampleStore> store_;
};

TEST_F(SampleStoreTest, GivesBackAMachinesRowsOfATime) {
  for (const int64_t first : {100, 120, 110, 140}) Append(first);
  Append(105, "press");
  EXPECT_THAT(Seconds(), ElementsAre(100, 110, 120, 140)) << "by their time";
  EXPECT_THAT(Seconds("pump", 115, 125), ElementsAre(115, 120)) << "rows outside are left out";
  EXPECT_THAT(Seconds("pump", 130, 140), IsEmpty());
  EXPECT_THAT(Seconds("press"), ElementsAre(105));
  EXPECT_THAT(Seconds("fan"), IsEmpty());
}

TEST_F(SampleStoreTest, IsTheSameAfterARestart) {
  for (int64_t first = 100; first < 200; first += 10) Append(first);
  EXPECT_EQ(store_->totals().segments, 3);
  Open();
  EXPECT_EQ(store_->totals().segments, 3);
  EXPECT_EQ(store_->totals().blocks, 10);
  EXPECT_EQ(Seconds().size(), 10);
  Append(200);
  EXPECT_EQ(store_->totals().segments, 3) << "the last one goes on";
}

TEST_F(SampleStoreTest, KeepsTheNewestWithinTheQuota) {
  for (int64_t first = 100; first < 1100; first += 10) {
    Append(first);
    EXPECT_LE(store_->totals().bytes, limits_.quota_bytes);
  }
  const auto seconds = Seconds();
  EXPECT_GE(seconds.size(), 16);
  EXPECT_EQ(seconds.back(), 1090);
  EXPECT_EQ(seconds.front(), 1100 - 10 * std::ssize(seconds)) << "without a gap";
}

TEST_F(SampleStoreTest, BlockBeyondTheQuotaIsRefused) {
  EXPECT_THAT(store_->Append(SomeRows("pump", 1, 1000)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("the quota is")));
  EXPECT_EQ(store_->totals().dropped, 1);
}

TEST_F(SampleStoreTest, WhatIsTooOldGoesTwoSegmentsAtATime) {
  for (int64_t first = 100; first < 260; first += 10) Append(first);
  ASSERT_EQ(store_->totals().segments, 4);
  store_->Expire(absl::FromUnixSeconds(150) + limits_.retention);
  EXPECT_EQ(Seconds().front(), 140) << "one segment was older in all its rows";
  store_->Expire(absl::FromUnixSeconds(1 << 30));
  EXPECT_EQ(store_->totals().segments, 1) << "a clock that jumps ahead takes no more at once";
  store_->Expire(absl::FromUnixSeconds(1 << 30));
  EXPECT_THAT(Seconds(), IsEmpty());
  Append(300);
  EXPECT_THAT(Seconds(), ElementsAre(300));
}

TEST_F(SampleStoreTest, RowsThatAWrongClockHasDatedAheadKeepNoSegment) {
  Append(7'200'000'000);
  for (int64_t first = 100; first < 250; first += 10) Append(first);
  const int64_t segments = store_->totals().segments;
  store_->Expire(absl::FromUnixSeconds(150) + limits_.retention);
  EXPECT_EQ(store_->totals().segments, segments - 1);
  EXPECT_EQ(Seconds().back(), 240) << "nor its row";
}

TEST_F(SampleStoreTest, WhatALaterSegmentHoldsDoesNotKeepAnOlderOne) {
  for (int64_t first = 1000; first < 1040; first += 10) Append(first);
  for (int64_t first = 100; first < 140; first += 10) Append(first);
  ASSERT_EQ(store_->totals().segments, 2);
  store_->Expire(absl::FromUnixSeconds(500) + limits_.retention);
  EXPECT_EQ(Seconds().front(), 1000);
}

TEST_F(SampleStoreTest, DamagedBlockIsPassedOverAndItsSegmentPutAside) {
  for (int64_t first = 100; first < 200; first += 10) Append(first);
  Damage("store/000000000001.segment", 2 * block_ - 5);
  EXPECT_THAT(Seconds(), ElementsAre(100, 120, 130, 140, 150, 160, 170, 180, 190));
  EXPECT_EQ(store_->totals().damaged, 1);
  EXPECT_TRUE(memory_.Exists("store/000000000001.segment.damaged"));
  Open();
  EXPECT_EQ(Seconds().size(), 9);
  EXPECT_EQ(store_->totals().damaged, 1);
}

TEST_F(SampleStoreTest, SegmentThatIsNoneIsPutAsideAndTheOthersStay) {
  for (int64_t first = 100; first < 200; first += 10) Append(first);
  Damage("store/000000000002.segment", block_);
  Open();
  EXPECT_THAT(Seconds(), ElementsAre(100, 110, 120, 130, 140, 180, 190))
      << "up to the damage it is read";
  EXPECT_EQ(store_->totals().damaged, 1);
  for (int64_t first = 200; first < 400; first += 10) Append(first);
  EXPECT_EQ(store_->totals().damaged, 0) << "it goes first when room is needed";
}

TEST_F(SampleStoreTest, TornEndIsCutOff) {
  for (const int64_t first : {100, 110, 120}) Append(first);
  store_.reset();
  MR_ASSERT_OK_AND_ASSIGN(
      auto file, memory_.Open("store/000000000001.segment", FileSystem::OpenMode::kReadWrite));
  MR_ASSERT_OK(file->Truncate(3 * block_ - 7));
  Open();
  EXPECT_THAT(Seconds(), ElementsAre(100, 110));
  EXPECT_EQ(store_->totals().torn_bytes, block_ - 7);
  Append(130);
  Open();
  EXPECT_THAT(Seconds(), ElementsAre(100, 110, 130));
  EXPECT_EQ(store_->totals().torn_bytes, 0);
}

TEST_F(SampleStoreTest, OtherFilesAreLeftAlone) {
  for (const char* const name :
       {"store/notes.txt", "store/1.segment", "store/abcdefghijkl.segment"}) {
    MR_ASSERT_OK(WriteFileDurably(&memory_, name, "mine"));
  }
  Open();
  EXPECT_EQ(store_->totals().segments, 0);
  EXPECT_TRUE(memory_.Exists("store/abcdefghijkl.segment"));
}

TEST_F(SampleStoreTest, FullDiskCostsTheOldestSegment) {
  for (int64_t first = 100; first < 220; first += 10) Append(first);
  disk_.FailCall(DiskCall::kWrite, 0, DiskFault::kShortWrite);
  Append(220);
  EXPECT_EQ(Seconds().front(), 140);
  EXPECT_EQ(Seconds().back(), 220);
  EXPECT_EQ(store_->totals().removed, 1);
}

TEST_F(SampleStoreTest, DiskThatStaysFullCostsBlocksAndNothingElse) {
  for (int64_t first = 100; first < 200; first += 10) Append(first);
  disk_.FillUp();
  EXPECT_THAT(store_->Append(SomeRows("pump", 200)),
              IsStatus(absl::StatusCode::kResourceExhausted, ::testing::_));
  EXPECT_EQ(store_->totals().dropped, 1);
  disk_.Heal();
  Append(210);
  EXPECT_EQ(Seconds().back(), 210);
}

/// Appends blocks with a sync after each, whatever fails; the seconds that were acknowledged.
std::set<int64_t> Record(SampleStore& store) {
  std::set<int64_t> acknowledged;
  std::set<int64_t> appended;
  for (int64_t first = 100; first < 220; first += 10) {
    const bool written = store.Append(SomeRows("pump", first)).ok();
    if (written) appended.insert(first);
    // A failed sync tells nothing of what was appended since the one before.
    if (store.Sync().ok()) acknowledged.insert(appended.begin(), appended.end());
    appended.clear();
  }
  return acknowledged;
}

class SampleStoreSweep : public ::testing::Test {
 protected:
  const int64_t block_ = std::ssize(EncodeBlock(SomeRows("pump", 100)).value().bytes);
  const SampleStore::Limits limits_{.quota_bytes = 100 * block_, .segment_bytes = 4 * block_};

  /// Records on a disk that `spoil` was done to, cuts the power and compares what is there.
  /// False once the fault lies beyond the last call.
  bool Survives(int64_t call, const std::function<void(testing::FaultyFileSystem&)>& spoil,
                bool may_lose_old) {
    MemoryFileSystem memory;
    testing::FaultyFileSystem disk(&memory);
    spoil(disk);
    std::set<int64_t> acknowledged;
    {
      auto store = SampleStore::Open(&disk, "store", limits_);
      if (store.ok()) acknowledged = Record(**store);
    }
    const bool met = disk.AllCalls() > call;
    disk.Heal();
    disk.LosePower();
    auto store = SampleStore::Open(&disk, "store", limits_);
    EXPECT_THAT(store, testing::IsOk());
    if (!store.ok()) return false;
    std::set<int64_t> found;
    (*store)->Read("pump", 0, kEver, [&](const StoredRows& rows) {
      EXPECT_TRUE(found.insert(rows.first_ns / kSecond).second) << "twice";
      EXPECT_EQ(rows.values, SomeRows("pump", rows.first_ns / kSecond).values);
    });
    for (const int64_t second : acknowledged) {
      if (may_lose_old && second < 180) continue;
      EXPECT_TRUE(found.contains(second)) << second;
    }
    EXPECT_THAT((*store)->Append(SomeRows("pump", 900)), testing::IsOk());
    return met;
  }
};

TEST_F(SampleStoreSweep, AnyCallThatFailsOnceLosesNothingAcknowledged) {
  for (const DiskFault fault :
       {DiskFault::kIoError, DiskFault::kDiskFull, DiskFault::kShortWrite}) {
    int64_t call = 0;
    const auto spoil = [&](testing::FaultyFileSystem& disk) { disk.FailAnyCall(call, fault); };
    // A full disk costs the oldest segment.
    while (Survives(call, spoil, fault != DiskFault::kIoError) && !HasFailure()) ++call;
    EXPECT_FALSE(HasFailure()) << "call " << call << ", fault " << static_cast<int>(fault);
    EXPECT_GT(call, 30);
  }
}

TEST_F(SampleStoreSweep, PowerCutAtAnyCallLosesNothingAcknowledged) {
  int64_t call = 0;
  const auto spoil = [&](testing::FaultyFileSystem& disk) { disk.DieAt(call); };
  while (Survives(call, spoil, false) && !HasFailure()) ++call;
  EXPECT_FALSE(HasFailure()) << "call " << call;
  EXPECT_GT(call, 30);
}

TEST_F(SampleStoreSweep, PowerCutAfterAFailedCallLosesNothingAcknowledged) {
  for (const int64_t later : {1, 4, 9}) {
    int64_t call = 0;
    const auto spoil = [&](testing::FaultyFileSystem& disk) {
      disk.FailAnyCall(call, DiskFault::kIoError);
      disk.DieAt(call + later);
    };
    while (Survives(call + later, spoil, false) && !HasFailure()) ++call;
    EXPECT_FALSE(HasFailure()) << "call " << call << " and " << later << " later";
  }
}

}  // namespace
}  // namespace millrace
