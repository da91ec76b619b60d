// SPDX-License-Identifier: Apache-2.0
// What is recorded and captured of a machine whose rows two models judge.
#include <gmock/gmock.h>

#include <array>
#include <limits>

#include "base/memory_file_system.h"
#include "client/capture/capture_folder.h"
#include "client/live_recorder.h"
#include "client/store/store_reader.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::ManualLiveClock;
using ::testing::SizeIs;

constexpr int64_t kFirstNs = 1'700'000'000 * kNsPerS;

class RecorderOfSharedRowsTest : public ::testing::Test {
 protected:
  RecorderOfSharedRowsTest() {
    MachineConfig pump;
    pump.names = {"pump-1"};
    pump.model = "pumps";
    pump.rate_hz = 1;
    pump.channels.push_back({.name = "current", .unit = "", .rate_hz = 1, .rules = {}});
    MachineConfig life = pump;
    life.names = {"pump-1-life"};
    life.channels_of = {"pump-1"};
    life.model = "lives";
    config_.machines = {life, pump};
    config_.store.emplace().folder = "recordings";
    config_.capture.emplace().folder = "captures";
    config_.capture->before_s = 2;
    config_.capture->after_s = 0;
    config_.capture->random_per_day = 0;
    recorder_ = std::make_unique<LiveRecorder>(config_, &disk_, &clock_);
    recorder_->Start();
    for (int64_t second = 0; second < 50; ++second) {
      const std::array values = {static_cast<float>(second)};
      const std::array<Verdict, 1> judged = {};
      const std::array<std::optional<Verdict>, 1> revised = {};
      recorder_->Take(MachineRow{1, kFirstNs + second * kNsPerS, values, judged, revised});
    }
    constexpr std::array<size_t, 2> kBoth = {0, 1};
    recorder_->HandOver(kBoth);
  }

  void Say(const std::string& machine, int64_t second, Judgement judgement) {
    MachineVerdict verdict = testing::VerdictOn(machine, judgement);
    verdict.time_ns = kFirstNs + second * kNsPerS;
    verdict.window_ns = 3 * kNsPerS;
    recorder_->Take(verdict);
  }
  std::vector<CaptureEntry> Captures() { return CaptureFolder(&disk_, "captures").List().value(); }

  LiveConfig config_;
  ManualLiveClock clock_;
  MemoryFileSystem disk_;
  std::unique_ptr<LiveRecorder> recorder_;
};

TEST_F(RecorderOfSharedRowsTest, RowsAreRecordedOnceAndMarkedByTheAlarmsOfBoth) {
  Say("pump-1", 9, Judgement::kAlarm);
  Say("pump-1-life", 29, Judgement::kAlarm);
  Say("pump-1", 10, Judgement::kNormal);
  Say("pump-1-life", 34, Judgement::kAlarm);
  recorder_->Stop();
  MR_ASSERT_OK_AND_ASSIGN(const StoreReader reader, StoreReader::Open(&disk_, "recordings"));
  std::vector<int> alarms;
  reader.Read("pump-1", 0, std::numeric_limits<int64_t>::max(), [&](const StoredRows& rows) {
    for (int64_t row = 0; row < rows.rows(); ++row) {
      if (!rows.alarms.empty() && rows.alarms[row] != 0) alarms.push_back(static_cast<int>(row));
    }
    EXPECT_EQ(rows.rows(), 50);
  });
  EXPECT_THAT(alarms, ElementsAre(6, 7, 8, 9, 26, 27, 28, 29, 30, 31, 32, 33, 34))
      << "what the other says is normal ends no alarm";
  reader.Read("pump-1-life", 0, std::numeric_limits<int64_t>::max(),
              [](const StoredRows&) { FAIL() << "these are the pump's"; });
}

TEST_F(RecorderOfSharedRowsTest, AlarmsOfBothAreCapturesOfTheMachineThatHasTheRows) {
  Say("pump-1-life", 39, Judgement::kAlarm);
  Say("pump-1", 40, Judgement::kAlarm);
  ChannelDrift drift;
  drift.machine = "pump-1-life";
  drift.channel = kScoreChannel;
  drift.time_ns = kFirstNs + 41 * kNsPerS;
  drift.report.state = DriftState::kConfirmed;
  recorder_->Take(drift);
  recorder_->Stop();
  const std::vector<CaptureEntry> captures = Captures();
  std::vector<CaptureTrigger> triggers;
  for (const CaptureEntry& capture : captures) {
    EXPECT_EQ(capture.event.machine, "pump-1");
    triggers.push_back(capture.event.trigger);
  }
  EXPECT_THAT(triggers,
              ::testing::UnorderedElementsAre(CaptureTrigger::kAlarm, CaptureTrigger::kAlarm,
                                              CaptureTrigger::kDrift));
}

TEST_F(RecorderOfSharedRowsTest, ButtonMayNameEither) {
  MR_EXPECT_OK(recorder_->Press("pump-1-life", "a noise"));
  EXPECT_THAT(recorder_->Press("pump-2", ""),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("pump-2")));
  recorder_->Stop();
  ASSERT_THAT(Captures(), SizeIs(1));
  EXPECT_EQ(Captures()[0].event.machine, "pump-1");
}

}  // namespace
}  // namespace millrace
