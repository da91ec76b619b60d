// SPDX-License-Identifier: Apache-2.0
// How much of a machine's recordings is read.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "base/memory_file_system.h"
#include "client/inference/recorded_rows.h"
#include "client/store/store_writer.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

constexpr int64_t kNewestFrom = 1'700'000'000'000'000'000;
constexpr int64_t kNewestPeriod = 1'000'000'000;
constexpr int64_t kRowsOfAStretch = 1000;
constexpr int64_t kWideChannels = 1000;

/// Five stretches of a machine of many channels, 5 MB each.
class NewestRecordedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto writer = StoreWriter::Open(&files_, "recordings", {});
    MR_ASSERT_OK(writer.status());
    StoredRows rows;
    rows.machine = "press";
    rows.period_ns = kNewestPeriod;
    for (int64_t i = 0; i < kWideChannels; ++i) rows.channels.push_back(absl::StrCat("c", i));
    rows.values.assign(kRowsOfAStretch * kWideChannels, 1);
    rows.flags.assign(kRowsOfAStretch * kWideChannels, Flag::kPass);
    for (int64_t stretch = 0; stretch < 5; ++stretch) {
      rows.first_ns = BeginOf(stretch);
      MR_ASSERT_OK((*writer)->Add(rows));
      MR_ASSERT_OK((*writer)->Flush());
    }
  }
  static int64_t BeginOf(int64_t stretch) {
    return kNewestFrom + 2 * stretch * kRowsOfAStretch * kNewestPeriod;
  }
  int64_t RowsRead(const RecordedPart& part) {
    const absl::StatusOr<StoreReader> store = StoreReader::Open(&files_, "recordings");
    int64_t read = 0;
    if (store.ok()) {
      NewestRecorded(*store, "press", part)([&](const StoredRows& rows) { read += rows.rows(); });
    }
    return read;
  }

  MemoryFileSystem files_;
};

TEST_F(NewestRecordedTest, IsAsMuchAsIsNeededHoweverManyChannelsThereAre) {
  EXPECT_EQ(RowsRead({.values = 1}), 3 * kRowsOfAStretch) << "16 MiB in any case";
  EXPECT_EQ(RowsRead({.values = 6 * kRowsOfAStretch * kWideChannels}), 5 * kRowsOfAStretch);
}

TEST_F(NewestRecordedTest, RowsThatAreOfNoUseAnyMoreAreLeftOut) {
  const RecordedPart part{.values = 6 * kRowsOfAStretch * kWideChannels,
                          .after_ns = BeginOf(3) + 9 * kNewestPeriod};
  EXPECT_EQ(RowsRead(part), 2 * kRowsOfAStretch - 10);
}

}  // namespace
}  // namespace millrace
