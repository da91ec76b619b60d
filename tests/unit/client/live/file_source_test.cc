// SPDX-License-Identifier: Apache-2.0
#include "client/live/file_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "tests/testing/source_rig.h"

namespace millrace {
namespace {

using ::millrace::testing::Eventually;
using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::HasSubstr;
using ::testing::IsNan;

constexpr int64_t kTime = 1767225600'000'000'000;  // 2026-01-01 00:00:00 UTC

class FileSourceTest : public ::testing::Test {
 protected:
  FileSourceTest() {
    config_.path = rig_.folder() + "/log.csv";
    config_.rows.time_column = "time";
    config_.rows.machine = "pump-1";
    config_.from_beginning = true;
    config_.poll_s = 0.01;
  }

  void Append(const std::string& text) { std::ofstream(config_.path, std::ios::app) << text; }
  void Run() {
    rig_.Run(
        std::make_unique<FileSource>("log", config_, std::vector<ChannelRename>(), rig_.context()));
  }

  testing::SourceRig rig_{{"pump-1/current", "pump-1/speed", "pump-2/current"}};
  FileConfig config_;
};

TEST_F(FileSourceTest, ColumnsAreChannelsAndRowsAreRead) {
  Append("time,current,speed,operator\n1767225600,1.5,100,ann\n");
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(2));
  EXPECT_THAT(rig_.Taken(), ElementsAre(FieldsAre(kTime, 0, 1.5F), FieldsAre(kTime, 1, 100)));
  EXPECT_THAT(rig_.Status().unknown_channels, ElementsAre("pump-1/operator"));
  Append("2026-01-01T00:00:01Z,,nan,bob\n");
  ASSERT_TRUE(rig_.AwaitSamples(4));
  EXPECT_THAT(rig_.Taken()[2], FieldsAre(kTime + kNsPerS, 0, IsNan()));
}

TEST_F(FileSourceTest, TimesWithoutAnOffsetAreOfTheOneConfigured) {
  config_.rows.utc_offset_s = 3600;
  Append("time,current\n2026-01-01 01:00:00,5\n");
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(1));
  EXPECT_THAT(rig_.Taken(), ElementsAre(FieldsAre(kTime, 0, 5)));
}

TEST_F(FileSourceTest, AColumnMayNameTheMachine) {
  config_.rows.machine.clear();
  config_.rows.machine_column = "machine";
  Append("time;machine;current\n1;pump-2;5\n2;pump-1;6\n");
  config_.rows.separator = ';';
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(2));
  EXPECT_THAT(rig_.Taken(), ElementsAre(FieldsAre(kNsPerS, 2, 5), FieldsAre(2 * kNsPerS, 0, 6)));
}

TEST_F(FileSourceTest, AHalfWrittenRowIsTakenWhenItIsWhole) {
  Append("time,current\n1,2\n3,4");
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(1));
  Append("5\n");
  ASSERT_TRUE(rig_.AwaitSamples(2));
  EXPECT_THAT(rig_.Values(), ElementsAre(2, 45));
}

TEST_F(FileSourceTest, ARotatedFileBringsItsOwnHeader) {
  Append("time,current\n1,2\n");
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(1));
  std::filesystem::rename(config_.path, config_.path + ".1");
  Append("speed,time\n100,2\n");
  ASSERT_TRUE(rig_.AwaitSamples(2));
  EXPECT_THAT(rig_.Taken()[1], FieldsAre(2 * kNsPerS, 1, 100));
  EXPECT_EQ(rig_.Status().reconnects, 1);
}

TEST_F(FileSourceTest, RowsThatCannotBeReadAreRefusedAndTheNextOnesTaken) {
  Append("time,current\nyesterday,1\n1\n1,high\n1,2\n");
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(1));
  EXPECT_THAT(rig_.Values(), ElementsAre(2));
  EXPECT_EQ(rig_.Status().refused, 3);
  EXPECT_THAT(rig_.Status().last_refusal, HasSubstr("column \"current\": \"high\" is no number"));
}

TEST_F(FileSourceTest, AFileThatIsMissingIsAFailureThatEndsWhenItIsThere) {
  Run();
  ASSERT_TRUE(rig_.AwaitState(SourceState::kFailed));
  EXPECT_THAT(rig_.Status().reason, HasSubstr("log.csv"));
  Append("time,current\n1,2\n");
  EXPECT_TRUE(rig_.AwaitState(SourceState::kLive));
}

TEST_F(FileSourceTest, AFileThatDoesNotGrowTurnsStaleAndLiveAgain) {
  config_.stale_s = 0.05;
  Append("time,current\n1,2\n");
  Run();
  ASSERT_TRUE(rig_.AwaitState(SourceState::kStale));
  EXPECT_THAT(rig_.Status().reason, HasSubstr("no row for more than 0.05 s"));
  Append("2,3\n");
  EXPECT_TRUE(rig_.AwaitSamples(2));
}

TEST_F(FileSourceTest, FromTheEndOnlyNewRowsAreRead) {
  config_.from_beginning = false;
  Append("time,current\n1,2\n");
  Run();
  ASSERT_TRUE(Eventually([&] { return rig_.Status().messages == 1; })) << "the header";
  Append("2,3\n");
  ASSERT_TRUE(rig_.AwaitSamples(1));
  EXPECT_THAT(rig_.Values(), ElementsAre(3));
}

}  // namespace
}  // namespace millrace
