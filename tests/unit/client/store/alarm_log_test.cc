// SPDX-License-Identifier: Apache-2.0
// What a store knows of its machines' alarms, on the disk and for who reads the rows.
#include "client/store/alarm_log.h"

#include <gmock/gmock.h>

#include <limits>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "client/store/store_reader.h"
#include "client/store/store_writer.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/store/stored_rows_testing.h"

namespace millrace {
namespace {

using testing::DiskCall;
using testing::DiskFault;
using ::testing::ElementsAre;
using testing::FaultyFileSystem;
using testing::kSecond;
using ::testing::Pair;
using testing::SomeRows;

AlarmTimes AlarmOf(int64_t first_ns, int64_t last_ns, const std::string& machine = "pump 1") {
  AlarmTimes alarms;
  EXPECT_TRUE(alarms.Add(machine, first_ns, last_ns));
  return alarms;
}

class AlarmLogTest : public ::testing::Test {
 protected:
  AlarmLogTest() { OpenLog(); }
  void OpenLog() {
    MR_ASSERT_OK(disk_.CreateDirectories("recordings"));
    MR_ASSERT_OK(disk_.SyncDirectory("."));
    MR_ASSERT_OK_AND_ASSIGN(log_, AlarmLog::Open(&disk_, kPath));
  }
  /// As another process reads it.
  AlarmTimes::ByMachine OnDisk() {
    const absl::StatusOr<AlarmTimes> read = ReadAlarms(&disk_, kPath);
    MR_EXPECT_OK(read.status());
    return read.ok() ? read->by_machine() : AlarmTimes::ByMachine();
  }
  int64_t Bytes() { return static_cast<int64_t>(ReadFile(&disk_, kPath)->size()); }

  static constexpr char kPath[] = "recordings/alarms";
  MemoryFileSystem memory_;
  FaultyFileSystem disk_{&memory_};
  std::unique_ptr<AlarmLog> log_;
};

TEST_F(AlarmLogTest, WhatWasAddedOutlastsAPowerCut) {
  EXPECT_TRUE(OnDisk().empty()) << "there is no file";
  MR_EXPECT_OK(log_->Add(AlarmOf(100, 109)));
  MR_EXPECT_OK(log_->Add(AlarmOf(105, 119)));
  MR_EXPECT_OK(log_->Add(AlarmOf(-9, 3, "fan")));
  disk_.LosePower();
  EXPECT_THAT(OnDisk(), ElementsAre(Pair("fan", ElementsAre(Pair(-9, 3))),
                                    Pair("pump 1", ElementsAre(Pair(100, 119)))));
  OpenLog();
  MR_EXPECT_OK(log_->Add(AlarmOf(300, 310)));
  EXPECT_THAT(OnDisk()["pump 1"], ElementsAre(Pair(100, 119), Pair(300, 310)));
}

TEST_F(AlarmLogTest, AnAlarmThatLastsTakesNoMoreThanItsBound) {
  for (int64_t i = 0; i < 20'000; ++i) MR_ASSERT_OK(log_->Add(AlarmOf(i, i + 10)));
  EXPECT_LT(Bytes(), 70'000);
  EXPECT_THAT(OnDisk()["pump 1"], ElementsAre(Pair(0, 20'009)));
}

TEST_F(AlarmLogTest, LinesThatAreNotAsTheyWereWrittenCostOnlyThemselves) {
  for (int64_t i = 0; i < 3; ++i) MR_EXPECT_OK(log_->Add(AlarmOf(100 * i, 100 * i + 9)));
  std::string text = *ReadFile(&disk_, kPath);
  text[text.find(" 100 ") + 1] = '2';
  MR_ASSERT_OK(WriteFileDurably(&disk_, kPath, text + "0123456789abcdef 500 50"));
  EXPECT_THAT(OnDisk()["pump 1"], ElementsAre(Pair(0, 9), Pair(200, 209)));
  OpenLog();
  MR_EXPECT_OK(log_->Add(AlarmOf(700, 709)));
  EXPECT_THAT(OnDisk()["pump 1"], ElementsAre(Pair(0, 9), Pair(200, 209), Pair(700, 709)))
      << "the torn end stands in front of none";
}

TEST_F(AlarmLogTest, AnyBytesAreReadWithoutHarm) {
  Random random(1);
  MR_EXPECT_OK(log_->Add(AlarmOf(100, 109)));
  const std::string sound = *ReadFile(&disk_, kPath);
  for (int i = 0; i < 200; ++i) {
    std::string text = sound + sound;
    for (int change = 0; change < 4; ++change) {
      text[random.Below(text.size())] = static_cast<char>(random.Below(256));
    }
    text.resize(random.Below(text.size() + 1));
    MR_ASSERT_OK(WriteFileDurably(&disk_, kPath, text));
    for (const auto& [machine, intervals] : OnDisk()) {
      EXPECT_EQ(machine, "pump 1");
      EXPECT_THAT(intervals, ElementsAre(Pair(100, 109)));
    }
  }
}

TEST_F(AlarmLogTest, AnyCallToTheDiskMayFailAndIsMadeUpFor) {
  for (int64_t call = 0; call < 12; ++call) {
    disk_.FailAnyCall(call, call % 2 == 0 ? DiskFault::kIoError : DiskFault::kDiskFull);
    for (int64_t i = 0; i < 3; ++i) {
      log_->Add(AlarmOf(1000 * call + 100 * i, 1000 * call + 100 * i + 9)).IgnoreError();
    }
    disk_.Heal();
    MR_ASSERT_OK(log_->Sync());
    ASSERT_EQ(std::ssize(OnDisk()["pump 1"]), 3 * (call + 1));
    ASSERT_EQ(OnDisk(), log_->times().by_machine());
  }
}

TEST_F(AlarmLogTest, WhoReadsTheRowsIsToldOfAlarmsThatCameAfterThem) {
  MR_ASSERT_OK_AND_ASSIGN(const auto writer, StoreWriter::Open(&disk_, "recordings", {}));
  const auto marks = [&](auto&& source) {
    std::vector<char> alarms;
    source.Read("pump 1", 0, std::numeric_limits<int64_t>::max(), [&](StoredRows rows) {
      rows.alarms.resize(rows.rows());
      alarms.insert(alarms.end(), rows.alarms.begin(), rows.alarms.end());
    });
    return alarms;
  };
  const auto read = [&] { return marks(*StoreReader::Open(&disk_, "recordings")); };
  MR_EXPECT_OK(writer->Add(SomeRows("pump 1", 100, 3)));
  MR_EXPECT_OK(writer->Flush());
  MR_EXPECT_OK(writer->Add(SomeRows("pump 1", 103, 3)));
  MR_EXPECT_OK(writer->Sync(kSecond));
  MR_EXPECT_OK(writer->AddAlarms(AlarmOf(102 * kSecond, 103 * kSecond)));
  EXPECT_THAT(read(), ElementsAre(0, 0, 1, 1, 0, 0)) << "in the store as in the journal";
  EXPECT_THAT(marks(*writer), ElementsAre(0, 0, 1, 1, 0, 0)) << "and so are captures";
}

TEST_F(AlarmLogTest, AlarmsGoWithTheirRowsAndNotBefore) {
  MR_ASSERT_OK_AND_ASSIGN(const auto writer, StoreWriter::Open(&disk_, "recordings", {}));
  MR_EXPECT_OK(writer->AddAlarms(AlarmOf(50 * kSecond, 60 * kSecond)));
  writer->Expire(absl::UnixEpoch());
  MR_EXPECT_OK(writer->Add(SomeRows("pump 1", 100, 10)));
  MR_EXPECT_OK(writer->AddAlarms(AlarmOf(102 * kSecond, 103 * kSecond)));
  MR_EXPECT_OK(writer->Flush());
  writer->Expire(absl::UnixEpoch());
  log_ = nullptr;
  for (int64_t i = 0; i < 2000; ++i) {  // until it is written anew
    MR_ASSERT_OK(writer->AddAlarms(AlarmOf(105 * kSecond, 106 * kSecond)));
  }
  EXPECT_THAT(OnDisk()["pump 1"],
              ElementsAre(Pair(102 * kSecond, 103 * kSecond), Pair(105 * kSecond, 106 * kSecond)));
}

TEST_F(AlarmLogTest, RowsWhoseAlarmsCannotBeReadAreNotGiven) {
  MR_ASSERT_OK_AND_ASSIGN(const auto writer, StoreWriter::Open(&disk_, "recordings", {}));
  MR_EXPECT_OK(writer->AddAlarms(AlarmOf(50, 60)));
  disk_.FailCall(DiskCall::kRead, 0);
  EXPECT_FALSE(StoreReader::Open(&disk_, "recordings").ok());
}

}  // namespace
}  // namespace millrace
