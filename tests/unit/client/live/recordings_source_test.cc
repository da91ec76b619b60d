// SPDX-License-Identifier: Apache-2.0
#include "client/live/recordings_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "client/data/npy.h"
#include "client/live/replay_source.h"
#include "tests/testing/source_rig.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::Eventually;
using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

RecordingFormat PumpFormat() {
  RecordingFormat format;
  format.rows.machine = "pump-1";
  format.rows.time_column = "time";
  format.channels = {"x", "y"};
  format.rate_hz = 10;
  return format;
}

void WriteArray(const std::string& path, const std::vector<float>& values) {
  const int64_t shape[] = {static_cast<int64_t>(values.size()) / 2, 2};
  std::ofstream(path) << NpyBytes(shape, values);
}

class RecordingsSourceTest : public ::testing::Test {
 protected:
  RecordingsSourceTest() {
    config_.folder = rig_.folder() + "/inbox";
    std::filesystem::create_directory(config_.folder);
    config_.pattern = "*";
    config_.format = PumpFormat();
    config_.poll_s = 0.01;
    config_.settle_s = 0.03;
  }
  std::string Path(const std::string& name) const { return config_.folder + "/" + name; }
  void Run() {
    rig_.Run(std::make_unique<RecordingsSource>("inbox", config_, std::vector<ChannelRename>(),
                                                rig_.context()));
  }
  bool AwaitMessages(int64_t count) {
    return Eventually([&] { return rig_.Status().messages >= count; });
  }

  testing::SourceRig rig_{{"pump-1/x", "pump-1/y"}};
  RecordingsConfig config_;
};

TEST_F(RecordingsSourceTest, AnArrayEndsWhenItsFileWasWritten) {
  WriteArray(Path("a.npy"), {1, 10, 2, 20});
  const int64_t end_ns = VersionOf(Path("a.npy"))->changed_ns;
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(4));
  EXPECT_THAT(rig_.Taken(), ElementsAre(FieldsAre(end_ns - kNsPerS / 10, 0, 1),
                                        FieldsAre(end_ns - kNsPerS / 10, 1, 10),
                                        FieldsAre(end_ns, 0, 2), FieldsAre(end_ns, 1, 20)));
}

TEST_F(RecordingsSourceTest, TextIsReadByItsColumns) {
  std::ofstream(Path("a.csv")) << "time,y\n1,10\n2,20\n";
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(2));
  EXPECT_THAT(rig_.Taken(), ElementsAre(FieldsAre(kNsPerS, 1, 10), FieldsAre(2 * kNsPerS, 1, 20)));
}

TEST_F(RecordingsSourceTest, EachRecordingIsReadOnceAlsoOverARestart) {
  WriteArray(Path("a.npy"), {1, 10});
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(2));
  WriteArray(Path("b.npy"), {2, 20});
  ASSERT_TRUE(rig_.AwaitSamples(4));
  rig_.Stop();
  WriteArray(Path("c.npy"), {3, 30});
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(6));
  EXPECT_EQ(rig_.Status().messages, 1);
  EXPECT_THAT(rig_.Values(), ElementsAre(1, 10, 2, 20, 3, 30));
}

TEST_F(RecordingsSourceTest, AFileThatStillChangesIsLeftAlone) {
  config_.settle_s = 3600;
  WriteArray(Path("a.npy"), {1, 10});
  Run();
  ASSERT_TRUE(rig_.AwaitState(SourceState::kLive));
  EXPECT_EQ(rig_.Status().messages, 0);
}

TEST_F(RecordingsSourceTest, WhatCannotBeReadIsRefusedOnceAndTheOthersAreRead) {
  std::ofstream(Path("a.npy")) << "garbage";
  std::ofstream(Path("b.csv")) << "time,x\n1,2\nbroken\n";
  std::ofstream(Path(".hidden")) << "time,x\n1,2\n";
  WriteArray(Path("c.npy"), {3, 30});
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(2));
  ASSERT_TRUE(AwaitMessages(3));
  EXPECT_EQ(rig_.Status().refused, 2);
  EXPECT_THAT(rig_.Status().last_refusal, HasSubstr("b.csv"));
}

TEST_F(RecordingsSourceTest, WaitsForTheQueueRatherThanDropWhatItHas) {
  testing::SourceRig small({"pump-1/x", "pump-1/y"}, /*capacity=*/2 * 4096);
  config_.format.rows.columns = {"time", "x"};
  std::ofstream text(Path("a.csv"));
  constexpr int kRows = 20'000;
  for (int i = 0; i < kRows; ++i) text << i << "," << i << "\n";
  text.close();
  small.Run(std::make_unique<RecordingsSource>("inbox", config_, std::vector<ChannelRename>(),
                                               small.context()));
  ASSERT_TRUE(small.AwaitSamples(kRows));
  EXPECT_EQ(small.queue().dropped(), 0);
}

TEST(SeenRecordingsTest, ForgetsWhatIsGoneAndTakesAChangedFileForANewOne) {
  testing::TemporaryFolder folder;
  const std::string path = folder.path() + "/seen";
  auto seen = SeenRecordings::Load(PosixFileSystem(), path);
  MR_ASSERT_OK(seen);
  MR_ASSERT_OK(seen->Add("a b.npy", {0, 0, 10, 100}));
  MR_ASSERT_OK(seen->Add("c.npy", {0, 0, 20, 200}));
  seen = SeenRecordings::Load(PosixFileSystem(), path);
  MR_ASSERT_OK(seen);
  EXPECT_TRUE(seen->Has("a b.npy", {7, 7, 10, 100}));
  EXPECT_FALSE(seen->Has("a b.npy", {0, 0, 11, 100}));
  seen->KeepOnly({"a b.npy"});
  EXPECT_FALSE(seen->Has("c.npy", {0, 0, 20, 200}));
}

TEST(SeenRecordingsTest, ADamagedFileCostsNoMoreThanItsLines) {
  testing::TemporaryFolder folder;
  const std::string path = folder.path() + "/seen";
  std::ofstream(path) << "garbage\n10 100 a.npy\n\xff\xfe 1 b\n";
  const auto seen = SeenRecordings::Load(PosixFileSystem(), path);
  MR_ASSERT_OK(seen);
  EXPECT_TRUE(seen->Has("a.npy", {0, 0, 10, 100}));
}

TEST(ReplayPaceTest, RecordedTimeRunsAtTheSpeed) {
  ReplayPace pace(10);
  EXPECT_EQ(pace.Due(5 * kNsPerS, 1000), 1000);
  EXPECT_EQ(pace.Due(6 * kNsPerS, 2000), 1000 + kNsPerS / 10);
}

TEST(ReplayPaceTest, BeginsAnewAfterAGapOrAStepBack) {
  ReplayPace pace(1);
  pace.Due(0, 1000);
  EXPECT_EQ(pace.Due(3600 * kNsPerS, 2000), 2000);
  EXPECT_EQ(pace.Due(5 * kNsPerS, 3000), 3000);
}

TEST(ReplayPaceTest, WithoutASpeedEverythingIsDueAtOnce) {
  ReplayPace pace(0);
  pace.Due(0, 1000);
  EXPECT_EQ(pace.Due(kNsPerS, 1001), 1001);
}

class ReplaySourceTest : public ::testing::Test {
 protected:
  ReplaySourceTest() {
    config_.path = rig_.folder() + "/*.csv";
    config_.format = PumpFormat();
    std::ofstream(rig_.folder() + "/a.csv") << "time,x\n100,1\n101,2\n102,3\n";
  }
  void Run() {
    rig_.Run(std::make_unique<ReplaySource>("replay", config_, std::vector<ChannelRename>(),
                                            rig_.context()));
  }

  testing::SourceRig rig_{{"pump-1/x"}};
  ReplayConfig config_;
};

TEST_F(ReplaySourceTest, PlaysAllFilesAndIsDone) {
  std::ofstream(rig_.folder() + "/b.csv") << "time,x\n50,4\n";
  config_.speed = 100;
  Run();
  ASSERT_TRUE(rig_.AwaitState(SourceState::kDone));
  EXPECT_THAT(rig_.Taken(),
              ElementsAre(FieldsAre(100 * kNsPerS, 0, 1), FieldsAre(101 * kNsPerS, 0, 2),
                          FieldsAre(102 * kNsPerS, 0, 3), FieldsAre(50 * kNsPerS, 0, 4)));
}

TEST_F(ReplaySourceTest, MovesTimeStampsToNowAndKeepsTheirDistances) {
  config_.speed = 0;
  config_.shifted = true;
  const int64_t before_ns = SystemLiveClock()->UnixNs();
  Run();
  ASSERT_TRUE(rig_.AwaitState(SourceState::kDone));
  ASSERT_THAT(rig_.Taken(), SizeIs(3));
  EXPECT_GE(rig_.Taken()[0].time_ns, before_ns);
  EXPECT_EQ(rig_.Taken()[2].time_ns - rig_.Taken()[0].time_ns, 2 * kNsPerS);
}

TEST_F(ReplaySourceTest, PlaysAgainAndAgain) {
  config_.speed = 0;
  config_.loop = true;
  Run();
  EXPECT_TRUE(rig_.AwaitSamples(30));
}

TEST_F(ReplaySourceTest, IsStoppedInMidPlay) {
  config_.speed = 0.001;
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(1));
  rig_.Stop();
  EXPECT_THAT(rig_.Values(), ElementsAre(1));
}

TEST_F(ReplaySourceTest, LoopOverWhatNobodyKnowsIsAFailureAndTakesNoProcessor) {
  std::ofstream(rig_.folder() + "/a.csv") << "time,unknown\n100,1\n";
  config_.speed = 0;
  config_.loop = true;
  Run();
  ASSERT_TRUE(rig_.AwaitState(SourceState::kFailed));
  EXPECT_EQ(rig_.Status().messages, 1) << "the next try has time";
}

TEST_F(ReplaySourceTest, WhatIsMissingIsAFailure) {
  config_.path = rig_.folder() + "/none.csv";
  Run();
  ASSERT_TRUE(rig_.AwaitState(SourceState::kFailed));
  EXPECT_THAT(rig_.Status().reason, HasSubstr("none.csv"));
}

}  // namespace
}  // namespace millrace
