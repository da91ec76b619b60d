// SPDX-License-Identifier: Apache-2.0
// The way of a machine's rows to the store: hand-over, journal, larger blocks, and who reads them.
#include "client/store/store_writer.h"

#include <gmock/gmock.h>

#include <limits>

#include "base/memory_file_system.h"
#include "client/store/block_queue.h"
#include "client/store/store_reader.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/store/stored_rows_testing.h"

namespace millrace {
namespace {

using testing::DiskCall;
using testing::DiskFault;
using ::testing::ElementsAre;
using testing::FaultyFileSystem;
using ::testing::IsEmpty;
using testing::IsStatus;
using testing::kSecond;
using ::testing::SizeIs;
using testing::SomeRows;

constexpr int64_t kAllTime = std::numeric_limits<int64_t>::max();
constexpr int64_t kNowNs = 1'700'000'000 * kSecond;

class StoreWriterTest : public ::testing::Test {
 protected:
  StoreWriterTest() { OpenWriter(); }

  void OpenWriter() {
    writer_.reset();
    auto opened = StoreWriter::Open(&disk_, "recordings", limits_);
    ASSERT_THAT(opened, testing::IsOk());
    writer_ = *std::move(opened);
  }
  /// Blocks of `rows` seconds of the machine, one after the other.
  void Record(int64_t first_s, int64_t blocks, int64_t rows = 2,
              const std::string& machine = "pump") {
    for (int64_t i = 0; i < blocks; ++i) {
      MR_EXPECT_OK(writer_->Add(SomeRows(machine, first_s + i * rows, rows)));
    }
  }
  /// First second and rows of each block that a reader of its own finds.
  std::vector<std::pair<int64_t, int64_t>> Read(const std::string& machine = "pump") {
    std::vector<std::pair<int64_t, int64_t>> blocks;
    const absl::StatusOr<StoreReader> reader = StoreReader::Open(&disk_, "recordings");
    if (!reader.ok()) return {};
    reader->Read(
        machine, std::numeric_limits<int64_t>::min(), kAllTime,
        [&](const StoredRows& rows) { blocks.emplace_back(rows.first_ns / kSecond, rows.rows()); });
    return blocks;
  }

  StoreWriter::Limits limits_;
  MemoryFileSystem memory_;
  FaultyFileSystem disk_{&memory_};
  std::unique_ptr<StoreWriter> writer_;
};

TEST_F(StoreWriterTest, SmallBlocksComeToTheStoreAsALargeOne) {
  Record(100, 10);
  MR_EXPECT_OK(writer_->Flush());
  EXPECT_EQ(writer_->totals().blocks, 1);
  EXPECT_THAT(Read(), ElementsAre(std::pair(100, 20)));
  EXPECT_EQ(writer_->rows(), 20);
}

TEST_F(StoreWriterTest, GapsAndMachinesHaveBlocksOfTheirOwn) {
  Record(100, 2);
  Record(200, 1);
  Record(100, 1, 2, "press");
  MR_EXPECT_OK(writer_->Flush());
  EXPECT_THAT(Read(), ElementsAre(std::pair(100, 4), std::pair(200, 2)));
  EXPECT_THAT(Read("press"), SizeIs(1));
}

TEST_F(StoreWriterTest, WhatWasSyncedOutlastsAPowerCutBeforeTheStoreHasIt) {
  Record(100, 3);
  MR_EXPECT_OK(writer_->Sync(kSecond));
  Record(106, 1);
  writer_.reset();
  disk_.LosePower();
  OpenWriter();
  EXPECT_THAT(Read(), ElementsAre(std::pair(100, 6)));
  EXPECT_EQ(writer_->totals().blocks, 1) << "from the journal to the store";
}

TEST_F(StoreWriterTest, ReaderFindsWhatIsOnlyInTheJournal) {
  Record(100, 2);
  MR_EXPECT_OK(writer_->Sync(kSecond));
  EXPECT_EQ(writer_->totals().blocks, 0);
  EXPECT_THAT(Read(), ElementsAre(std::pair(100, 2), std::pair(102, 2)));
  EXPECT_THAT(StoreReader::Open(&disk_, "recordings")->Machines(), ElementsAre("pump"));
  EXPECT_THAT(StoreReader::Open(&disk_, "elsewhere").status(),
              IsStatus(absl::StatusCode::kNotFound, ::testing::_));
}

TEST_F(StoreWriterTest, ReaderGivesARowOnceThoughAKillLeftItInBoth) {
  Record(100, 2);
  disk_.FailCall(DiskCall::kTruncate, 0);  // the journal is not emptied
  EXPECT_FALSE(writer_->Flush().ok());
  EXPECT_THAT(Read(), SizeIs(::testing::Gt(0)));
  int64_t rows = 0;
  for (const auto& block : Read()) rows += block.second;
  EXPECT_EQ(rows, 4);
  OpenWriter();  // the journal comes to the store a second time
  rows = 0;
  for (const auto& block : Read()) rows += block.second;
  EXPECT_EQ(rows, 4);
}

TEST_F(StoreWriterTest, JournalIsEmptiedWhenItIsFullOrOld) {
  limits_.journal_bytes = 2000;
  OpenWriter();
  for (int64_t i = 0; i < 50; ++i) {
    Record(100 + 2 * i, 1);
    MR_EXPECT_OK(writer_->Sync(kSecond));
  }
  EXPECT_GT(writer_->totals().blocks, 2);
  const int64_t before = writer_->totals().blocks;
  Record(300, 1);
  MR_EXPECT_OK(writer_->Sync(absl::ToInt64Nanoseconds(limits_.flush_every) + 2 * kSecond));
  EXPECT_GT(writer_->totals().blocks, before);
}

TEST_F(StoreWriterTest, FullDiskIsToldAndRecordingResumesByItself) {
  Record(100, 1);
  disk_.FillUp();
  EXPECT_THAT(writer_->Add(SomeRows("pump", 102, 2)),
              IsStatus(absl::StatusCode::kResourceExhausted, ::testing::_));
  EXPECT_FALSE(writer_->Sync(kSecond).ok());
  EXPECT_GT(writer_->lost_rows(), 0);
  disk_.Heal();
  Record(104, 2);
  MR_EXPECT_OK(writer_->Sync(2 * kSecond));
  MR_EXPECT_OK(writer_->Flush());
  EXPECT_THAT(Read(), ::testing::Contains(std::pair<int64_t, int64_t>(104, 4)));
}

TEST_F(StoreWriterTest, RowsAreReadWhereverTheyAre) {
  Record(100, 2);
  MR_EXPECT_OK(writer_->Flush());
  Record(104, 1);
  Record(200, 1);
  std::vector<int64_t> firsts;
  writer_->Read("pump", 101 * kSecond, 201 * kSecond,
                [&](const StoredRows& rows) { firsts.push_back(rows.first_ns / kSecond); });
  EXPECT_THAT(firsts, ElementsAre(101, 104, 200));
  EXPECT_EQ(writer_->NewestOf("pump"), 201 * kSecond);
  EXPECT_EQ(writer_->NewestOf("fan"), std::numeric_limits<int64_t>::min());
}

TEST_F(StoreWriterTest, AnyCallToTheDiskMayFail) {
  for (int64_t call = 0; call < 60; ++call) {
    disk_.FailAnyCall(call, call % 2 == 0 ? DiskFault::kIoError : DiskFault::kDiskFull);
    for (int64_t i = 0; i < 5; ++i) {
      writer_->Add(SomeRows("pump", 1000 * call + 2 * i, 2)).IgnoreError();
      writer_->Sync(kSecond).IgnoreError();
    }
    writer_->Flush().IgnoreError();
    disk_.Heal();
    Record(1000 * call + 500, 1);
    MR_ASSERT_OK(writer_->Flush());
    ASSERT_THAT(Read(), ::testing::Contains(std::pair<int64_t, int64_t>(1000 * call + 500, 2)));
  }
}

TEST_F(StoreWriterTest, NewestRowsAreChosenByTheirBytes) {
  Record(100, 1, 50);
  MR_EXPECT_OK(writer_->Flush());
  Record(200, 1, 50);
  MR_EXPECT_OK(writer_->Flush());
  const absl::StatusOr<StoreReader> reader = StoreReader::Open(&disk_, "recordings");
  const int64_t end_ns = reader->end_ns(kNowNs);
  EXPECT_LT(reader->NewestWithin(kAllTime, {}, end_ns), 100 * kSecond);
  const int64_t from_ns = reader->NewestWithin(writer_->totals().bytes / 2 + 10, {}, end_ns);
  EXPECT_GT(from_ns, 149 * kSecond);
  EXPECT_LE(from_ns, 200 * kSecond);
  EXPECT_EQ(reader->newest_ns(end_ns), 249 * kSecond);
  const std::vector<std::string> another = {"press"};
  EXPECT_LT(reader->NewestWithin(0, another, end_ns), 100 * kSecond) << "of which there is nothing";
}

TEST_F(StoreWriterTest, RowsThatAWrongClockHasDatedAheadAreNotTheNewest) {
  Record(100, 1, 50);
  Record(7'200'000'000, 1, 50);
  MR_EXPECT_OK(writer_->Flush());
  const absl::StatusOr<StoreReader> reader = StoreReader::Open(&disk_, "recordings");
  const int64_t end_ns = reader->end_ns(kNowNs);
  EXPECT_EQ(reader->newest_ns(end_ns), 149 * kSecond);
  EXPECT_LE(reader->NewestWithin(writer_->totals().bytes / 2 + 10, {}, end_ns), 100 * kSecond);
  EXPECT_EQ(reader->end_ns(-1'000'000 * kSecond), std::numeric_limits<int64_t>::max())
      << "it is this clock that is wrong";
}

TEST_F(StoreWriterTest, OfALargeStoreTheNewestSegmentsAreLookedAt) {
  limits_.store.segment_bytes = 1;
  OpenWriter();
  for (const int64_t first_s : {100, 200, 300}) {
    Record(first_s, 1, 50);
    MR_EXPECT_OK(writer_->Flush());
  }
  const auto firsts = [&](int64_t bytes) {
    std::vector<int64_t> found;
    const absl::StatusOr<StoreReader> reader = StoreReader::Open(&disk_, "recordings", bytes);
    reader->Read("pump", 0, kAllTime,
                 [&](const StoredRows& rows) { found.push_back(rows.first_ns / kSecond); });
    return found;
  };
  EXPECT_THAT(firsts(kAllTime), ElementsAre(100, 200, 300));
  EXPECT_THAT(firsts(1), ElementsAre(300));
  EXPECT_THAT(firsts(writer_->totals().bytes / 2), ElementsAre(200, 300));
}

TEST_F(StoreWriterTest, ListingEndsBetweenTwoSegmentsOnceNobodyWaitsForIt) {
  limits_.store.segment_bytes = 1;
  OpenWriter();
  for (const int64_t first_s : {100, 200, 300}) {
    Record(first_s, 1, 50);
    MR_EXPECT_OK(writer_->Flush());
  }
  int asked = 0;
  const auto open_until = [&](int most) {
    asked = 0;
    return StoreReader::Open(&disk_, "recordings", kAllTime, [&] { return ++asked > most; });
  };
  EXPECT_EQ(open_until(1).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(asked, 2);
  MR_EXPECT_OK(open_until(1000).status());
}

TEST(BlockQueueTest, WhatDoesNotFitIsCountedAndTheRestIsTakenInOrder) {
  BlockQueue queue(60 * 10);
  for (int64_t i = 0; i < 8; ++i) queue.Push(SomeRows("pump", 100 + 10 * i, 10));
  EXPECT_EQ(queue.dropped_rows(), 20) << "ten values with flags of two channels take 100 bytes";
  const std::vector<StoredRows> taken = queue.TakeAll(absl::ZeroDuration());
  ASSERT_THAT(taken, SizeIs(6));
  EXPECT_EQ(taken[0].first_ns, 100 * kSecond);
  queue.Close();
  queue.Push(SomeRows("pump", 500));
  EXPECT_THAT(queue.TakeAll(absl::InfiniteDuration()), IsEmpty());
}

}  // namespace
}  // namespace millrace
