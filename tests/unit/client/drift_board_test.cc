// SPDX-License-Identifier: Apache-2.0
#include "client/drift_board.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/memory_file_system.h"
#include "client/drift_report.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kDriftBegin = 1'700'000'000 * kNsPerS;

MachineConfig DriftingPumps() {
  MachineConfig pumps = testing::JudgedMachines({"pump-1", "pump-2"});
  for (const char* name : {"current", "speed"}) {
    pumps.channels.push_back({.name = name, .unit = "", .rate_hz = 1, .rules = {}});
  }
  pumps.drift.emplace().detector.kind = ShiftDetectorKind::kAdwin;
  return pumps;
}

class DriftBoardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MR_ASSERT_OK(disk_.CreateDirectories("state"));
    Restart();
  }
  void Restart() {
    board_ = std::make_unique<DriftBoard>(std::vector{pumps_}, &disk_, "state");
    board_->Load();
  }
  /// The channel's state changes at this second.
  void Tell(const std::string& channel, DriftState state, int64_t second, bool recalled = false) {
    ChannelDrift drift{"pump-1", channel, kDriftBegin + second * kNsPerS, {}, recalled};
    drift.report.state = state;
    drift.report.reference = DriftReference::kTraining;
    drift.report.level = 1.5;
    board_->Take(drift);
  }
  void TellRelearnt(const std::string& channel, int64_t second) {
    ChannelDrift drift{"pump-1", channel, kDriftBegin + second * kNsPerS, {}};
    drift.by = "A. Smith";
    drift.note = "the gearbox is new";
    board_->Take(drift);
  }
  std::vector<DriftingChannel> Saved() {
    board_->Save();
    absl::StatusOr<DriftingChannels> read = ReadDriftingChannels(&disk_, "state");
    MR_EXPECT_OK(read.status());
    return read.ok() ? read->channels : std::vector<DriftingChannel>();
  }
  int64_t SavedSince(const std::string& channel) {
    for (const DriftingChannel& entry : Saved()) {
      if (entry.drift.channel == channel) return (entry.since_ns - kDriftBegin) / kNsPerS;
    }
    return -1;
  }

  MachineConfig pumps_ = DriftingPumps();
  MemoryFileSystem memory_;
  testing::FaultyFileSystem disk_{&memory_};
  std::unique_ptr<DriftBoard> board_;
};

TEST_F(DriftBoardTest, DriftIsKnownSinceItWasSuspectedUntilItIsOver) {
  EXPECT_THAT(Saved(), IsEmpty()) << "and it is said that nothing drifts";
  Tell("current", DriftState::kStable, 10);
  Tell("current", DriftState::kSuspected, 20);
  Tell("current", DriftState::kConfirmed, 50);
  Tell("speed", DriftState::kSuspected, 60);
  const std::vector<DriftingChannel> drifting = Saved();
  ASSERT_THAT(drifting, SizeIs(2));
  EXPECT_EQ(drifting[0].drift.report.state, DriftState::kConfirmed);
  EXPECT_EQ(drifting[0].drift.report.level, 1.5);
  EXPECT_EQ(drifting[0].since_ns, kDriftBegin + 20 * kNsPerS);
  EXPECT_EQ(ReadDriftingChannels(&disk_, "state")->detector, "adwin");
  Tell("current", DriftState::kStable, 90);
  EXPECT_EQ(SavedSince("current"), -1);
  EXPECT_EQ(SavedSince("speed"), 60);
  EXPECT_THAT(board_->Latest(), SizeIs(2));
}

TEST_F(DriftBoardTest, DriftOfBeforeARestartIsKnownSinceItBegan) {
  Tell("current", DriftState::kConfirmed, 20);
  Tell("speed", DriftState::kSuspected, 30);
  board_->Save();
  Restart();
  Tell("current", DriftState::kConfirmed, 500, /*recalled=*/true);
  EXPECT_EQ(SavedSince("current"), 20);
  EXPECT_EQ(SavedSince("speed"), -1) << "a suspicion does not outlast a restart";
}

TEST_F(DriftBoardTest, DaemonThatDoesNotComeUpLeavesWhatIsKnownAsItIs) {
  Tell("current", DriftState::kConfirmed, 20);
  board_->Save();
  DriftBoard(std::vector{pumps_}, &disk_, "state").Save();  // without Load
  MR_ASSERT_OK_AND_ASSIGN(const DriftingChannels left, ReadDriftingChannels(&disk_, "state"));
  EXPECT_THAT(left.channels, SizeIs(1));
}

TEST_F(DriftBoardTest, ChannelThatLearnsByOrderIsShownWithWhoseItWasUntilItIsKnown) {
  Tell("current", DriftState::kConfirmed, 20);
  TellRelearnt("current", 70);
  board_->Save();
  Restart();
  const std::vector<DriftingChannel> learning = Saved();
  ASSERT_THAT(learning, SizeIs(1));
  EXPECT_EQ(learning[0].drift.report.state, DriftState::kLearning);
  EXPECT_EQ(learning[0].drift.by, "A. Smith");
  EXPECT_EQ(learning[0].since_ns, kDriftBegin + 70 * kNsPerS);
  Tell("current", DriftState::kStable, 200);
  EXPECT_THAT(Saved(), IsEmpty());
}

TEST_F(DriftBoardTest, ChannelThatIsNotWatchedAnyMoreIsForgotten) {
  TellRelearnt("current", 70);
  board_->Save();
  pumps_.channels.erase(pumps_.channels.begin());
  Restart();
  EXPECT_THAT(Saved(), IsEmpty());
}

TEST_F(DriftBoardTest, SiteThatWatchesNoDriftHasNoFile) {
  pumps_.drift.reset();
  Restart();
  board_->Save();
  EXPECT_THAT(*disk_.List("state"), IsEmpty());
}

TEST_F(DriftBoardTest, WhatADiskDidNotTakeIsWrittenOnceItDoes) {
  board_->Save();
  Tell("current", DriftState::kSuspected, 20);
  disk_.FailAnyCall(0, testing::DiskFault::kDiskFull);
  board_->Save();
  EXPECT_EQ(SavedSince("current"), 20);
}

TEST_F(DriftBoardTest, FileThatIsDamagedOrMissingIsSaidToBe) {
  EXPECT_EQ(ReadDriftingChannels(&disk_, "elsewhere").status().code(), absl::StatusCode::kNotFound);
  MR_ASSERT_OK(WriteFileDurably(&disk_, "state/drifting", "no such thing"));
  EXPECT_EQ(ReadDriftingChannels(&disk_, "state").status().code(), absl::StatusCode::kDataLoss);
  Restart();
  EXPECT_THAT(Saved(), IsEmpty()) << "it is written anew";
}

TEST_F(DriftBoardTest, ListSaysWhatDriftsSinceWhenByWhichDetectorAndWhatWaits) {
  Tell("current", DriftState::kConfirmed, 20);
  TellRelearnt("speed", 80);
  board_->Save();
  const DriftingChannels drifting = *ReadDriftingChannels(&disk_, "state");
  RelearnOrder order;
  order.machine = "pump-2";
  order.channels = {"speed"};
  order.by = "B. Jones\x1b";
  const std::string text = DriftList(drifting, {order}, /*json=*/false);
  EXPECT_THAT(text, HasSubstr("pump-1           current          confirmed  2023-11-14T22:13:40Z"));
  EXPECT_THAT(text, HasSubstr("adwin, level 1.5, shift"));
  EXPECT_THAT(text, HasSubstr("; by training data ks 0, "));
  EXPECT_THAT(text, HasSubstr("learning   2023-11-14T22:14:40Z  by A. Smith: the gearbox is new"));
  EXPECT_THAT(text, HasSubstr("waits for the daemon: pump-2 (speed) is to be learnt anew"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);

  const auto json = nlohmann::json::parse(DriftList(drifting, {order}, /*json=*/true));
  ASSERT_THAT(json["channels"], SizeIs(2));
  EXPECT_EQ(json["channels"][0]["since"], "2023-11-14T22:13:40Z");
  EXPECT_EQ(json["channels"][0]["detector"], "adwin");
  EXPECT_EQ(json["channels"][0]["reference"], "training");
  EXPECT_EQ(json["channels"][1]["state"], "learning");
  EXPECT_EQ(json["channels"][1]["by"], "A. Smith");
  EXPECT_EQ(json["orders"][0]["machine"], "pump-2");
}

}  // namespace
}  // namespace millrace
