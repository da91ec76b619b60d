// SPDX-License-Identifier: Apache-2.0
#include "client/store/segment.h"

#include <gmock/gmock.h>

#include <limits>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/store/stored_rows_testing.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::kSecond;
using testing::SomeRows;

class SegmentTest : public ::testing::Test {
 protected:
  /// A file with these bytes.
  std::unique_ptr<File> FileOf(const std::string& bytes) {
    auto file = files_.Open("segment", FileSystem::OpenMode::kCreate).value();
    EXPECT_TRUE(file->Truncate(0).ok());
    EXPECT_TRUE(file->WriteAt(0, bytes).ok());
    return file;
  }

  MemoryFileSystem files_;
  const std::string first_ = EncodeBlock(SomeRows("pump-1", 100)).value().bytes;
  const std::string second_ = EncodeBlock(SomeRows("pump-2", 200)).value().bytes;
};

TEST_F(SegmentTest, BlocksAreListedAndRead) {
  const auto file = FileOf(first_ + second_);
  MR_ASSERT_OK_AND_ASSIGN(const SegmentScan scan, ScanSegment(file.get(), true));
  EXPECT_EQ(scan.end, SegmentEnd::kWhole);
  EXPECT_EQ(scan.good_bytes, static_cast<int64_t>(first_.size() + second_.size()));
  ASSERT_EQ(scan.blocks.size(), 2);
  EXPECT_EQ(scan.blocks[1].machine, "pump-2");
  EXPECT_EQ(scan.blocks[1].first_ns, 200 * kSecond);
  EXPECT_EQ(scan.blocks[1].last_ns, 209 * kSecond);
  MR_ASSERT_OK_AND_ASSIGN(const StoredRows rows, ReadBlock(file.get(), scan.blocks[1]));
  const StoredRows written = SomeRows("pump-2", 200);
  EXPECT_EQ(rows.channels, written.channels);
  EXPECT_EQ(rows.values, written.values);
  EXPECT_EQ(rows.flags, written.flags);
}

TEST_F(SegmentTest, WhatIsCutShortIsTornWhereverItIsCut) {
  const std::string whole = first_ + second_;
  for (size_t length = first_.size() + 1; length < whole.size(); ++length) {
    const auto file = FileOf(whole.substr(0, length));
    MR_ASSERT_OK_AND_ASSIGN(const SegmentScan scan, ScanSegment(file.get(), true));
    EXPECT_EQ(scan.end, SegmentEnd::kTorn) << length;
    EXPECT_EQ(scan.good_bytes, static_cast<int64_t>(first_.size()));
    EXPECT_EQ(scan.blocks.size(), 1);
  }
}

TEST_F(SegmentTest, EveryFlippedByteIsNoticed) {
  for (size_t at = 0; at < first_.size(); ++at) {
    std::string damaged = first_ + second_;
    damaged[at] ^= 0x10;
    const auto file = FileOf(damaged);
    MR_ASSERT_OK_AND_ASSIGN(const SegmentScan scan, ScanSegment(file.get(), true));
    EXPECT_NE(scan.end, SegmentEnd::kWhole) << at;
    EXPECT_EQ(scan.blocks.size(), 0) << at;
  }
}

TEST_F(SegmentTest, AnyBytesAreScanned) {
  Random random(1);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = first_ + second_;
    for (uint64_t changes = random.Below(20); changes > 0; --changes) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    }
    bytes.resize(random.Below(bytes.size() + 1));
    const auto file = FileOf(bytes);
    MR_ASSERT_OK_AND_ASSIGN(const SegmentScan scan, ScanSegment(file.get(), random.Below(2) == 0));
    for (const BlockPlace& place : scan.blocks) {
      EXPECT_LE(place.end, static_cast<int64_t>(bytes.size()));
      ReadBlock(file.get(), place).IgnoreError();
    }
  }
}

TEST(StoredRows, WhatCannotBeIsRefused) {
  MR_EXPECT_OK(SomeRows("pump", 1).Check());
  const auto refused = [](const std::function<void(StoredRows&)>& spoil, const char* why) {
    StoredRows rows = SomeRows("pump", 1);
    spoil(rows);
    EXPECT_THAT(EncodeBlock(rows).status(),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
    EXPECT_THAT(StoredRows::Parse(rows.ToBytes()).status(),
                IsStatus(absl::StatusCode::kDataLoss, HasSubstr(why)));
  };
  refused([](StoredRows& rows) { rows.machine.clear(); }, "without a name");
  refused([](StoredRows& rows) { rows.machine.assign(300, 'x'); }, "without a name");
  refused([](StoredRows& rows) { rows.channels.clear(); }, "0 channels");
  refused([](StoredRows& rows) { rows.values.pop_back(); }, "19 values");
  refused([](StoredRows& rows) { rows.flags.pop_back(); }, "19 flags");
  refused([](StoredRows& rows) { rows.period_ns = 0; }, "times");
  refused([](StoredRows& rows) { rows.first_ns = std::numeric_limits<int64_t>::max() - 5; },
          "times");
  refused([](StoredRows& rows) { rows.period_ns = std::numeric_limits<int64_t>::max() / 2; },
          "times");
  StoredRows rows = SomeRows("pump", 1);
  rows.flags[3] = static_cast<Flag>(77);
  EXPECT_THAT(StoredRows::Parse(rows.ToBytes()).status(),
              IsStatus(absl::StatusCode::kDataLoss, HasSubstr("flag")));
}

TEST(StoredRows, TrimLeavesTheRowsOfATime) {
  const auto trimmed = [](int64_t from_ns, int64_t to_ns) {
    StoredRows rows = SomeRows("pump", 100, 4);
    rows.Trim(from_ns, to_ns);
    std::vector<int64_t> seconds;
    for (int64_t row = 0; row < rows.rows(); ++row) {
      seconds.push_back((rows.first_ns + row * rows.period_ns) / kSecond);
      EXPECT_EQ(rows.values[2 * row], static_cast<float>(seconds.back()));
    }
    EXPECT_EQ(rows.flags.size(), rows.values.size());
    return seconds;
  };
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(trimmed(kLeast, kMost), ElementsAre(100, 101, 102, 103));
  EXPECT_THAT(trimmed(101 * kSecond, 103 * kSecond), ElementsAre(101, 102));
  EXPECT_THAT(trimmed(100 * kSecond + 1, kMost), ElementsAre(101, 102, 103));
  EXPECT_THAT(trimmed(kLeast, 100 * kSecond + 1), ElementsAre(100));
  EXPECT_THAT(trimmed(103 * kSecond + 1, kMost), ElementsAre());
  EXPECT_THAT(trimmed(kLeast, 100 * kSecond), ElementsAre());
  EXPECT_THAT(trimmed(102 * kSecond, 101 * kSecond), ElementsAre());
}

}  // namespace
}  // namespace millrace
