// SPDX-License-Identifier: Apache-2.0
// What a daemon keeps beside the verdicts: recordings, captures, and what its engine has learnt.
#include "client/live_recorder.h"

#include <gmock/gmock.h>

#include <atomic>
#include <limits>

#include "absl/strings/match.h"
#include "base/memory_file_system.h"
#include "base/random.h"
#include "client/capture/capture_folder.h"
#include "client/live_memory.h"
#include "client/store/store_reader.h"
#include "tests/testing/constant_predictor.h"
#include "tests/testing/eventually.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using testing::Eventually;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;
using ::testing::SizeIs;

constexpr int64_t kBegin = 1'700'000'000 * kNsPerS;

/// Of several threads.
class StandingClock : public LiveClock {
 public:
  int64_t UnixNs() override { return kBegin + now_ns; }
  int64_t MonotonicNs() override {
    ++asked;
    return now_ns;
  }
  std::atomic<int64_t> now_ns = kNsPerS;
  std::atomic<int64_t> asked = 0;
};

LiveConfig RecorderConfig() {
  LiveConfig config;
  MachineConfig& machine = config.machines.emplace_back();
  machine.names = {"pump-1", "pump-2"};
  machine.rate_hz = 1;
  for (const char* name : {"current", "speed"}) {
    machine.channels.push_back({.name = name, .unit = "", .rate_hz = 1, .rules = {}});
  }
  config.store.emplace().folder = "recordings";
  config.capture.emplace().folder = "captures";
  config.capture->before_s = 2;
  config.capture->after_s = 0;
  return config;
}

class LiveRecorderTest : public ::testing::Test {
 protected:
  void Begin() {
    recorder_ = std::make_unique<LiveRecorder>(config_, &disk_, &clock_);
    recorder_->Start();
  }
  /// A row a second of the machine, whose current is the second.
  void Rows(size_t machine, int64_t from_s, int64_t to_s) {
    for (int64_t second = from_s; second < to_s; ++second) {
      const std::array values = {static_cast<float>(second), 1500.F};
      const std::array<Verdict, 2> judged = {};
      const std::array<std::optional<Verdict>, 2> revised = {};
      recorder_->Take(MachineRow{machine, kBegin + second * kNsPerS, values, judged, revised});
    }
    recorder_->HandOver({&machine, 1});
  }
  void Alarm(int64_t second, Judgement judgement = Judgement::kAlarm) {
    MachineVerdict verdict;
    verdict.machine = "pump-1";
    verdict.time_ns = kBegin + second * kNsPerS;
    verdict.window_ns = 3 * kNsPerS;
    verdict.score = judgement == Judgement::kAlarm ? 5 : 1;
    verdict.threshold = 2;
    verdict.judgement = judgement;
    verdict.unusable = judgement == Judgement::kNotEvaluated;
    recorder_->Take(verdict);
  }
  std::vector<StoredRows> Recorded(const std::string& machine,
                                   const std::string& folder = "recordings") {
    std::vector<StoredRows> found;
    const absl::StatusOr<StoreReader> reader = StoreReader::Open(&memory_, folder);
    if (!reader.ok()) return found;
    reader->Read(machine, 0, std::numeric_limits<int64_t>::max(),
                 [&](StoredRows rows) { found.push_back(std::move(rows)); });
    return found;
  }

  LiveConfig config_ = RecorderConfig();
  StandingClock clock_;
  MemoryFileSystem memory_;
  testing::FaultyFileSystem disk_{&memory_};
  std::unique_ptr<LiveRecorder> recorder_;
};

TEST_F(LiveRecorderTest, RowsAreOnTheDiskWhenItHasStopped) {
  Begin();
  Rows(0, 0, 50);
  Rows(1, 0, 20);
  Rows(0, 50, 100);
  recorder_->Stop();
  ASSERT_THAT(Recorded("pump-1"), SizeIs(1));
  EXPECT_EQ(Recorded("pump-1")[0].rows(), 100);
  EXPECT_THAT(Recorded("pump-1")[0].channels, ElementsAre("current", "speed"));
  EXPECT_EQ(Recorded("pump-2")[0].rows(), 20);
  EXPECT_THAT(recorder_->MetricsText(), HasSubstr("millrace_recorded_rows 120"));
  EXPECT_THAT(recorder_->MetricsText(), HasSubstr("\nmillrace_recording_complete 1\n"));
}

TEST_F(LiveRecorderTest, UnitsAreRecordedWhereTheFileSaysAny) {
  config_.machines[0].channels[1].unit = "rpm";
  Begin();
  Rows(0, 0, 5);
  recorder_->Stop();
  EXPECT_THAT(Recorded("pump-1")[0].units, ElementsAre("", "rpm"));
  config_.machines[0].channels[1].unit = "";
  config_.store->folder = "unsaid";
  Begin();
  Rows(0, 0, 5);
  recorder_->Stop();
  EXPECT_THAT(Recorded("pump-1", "unsaid")[0].units, IsEmpty());
}

TEST_F(LiveRecorderTest, WhatCameIsDurableSoonAfterwardsButForTheLastRow) {
  Begin();
  Rows(0, 0, 50);
  EXPECT_TRUE(Eventually([&] {
    const std::vector<StoredRows> found = Recorded("pump-1");
    return !found.empty() && found.back().last_ns() == kBegin + 48 * kNsPerS;
  }));
}

TEST_F(LiveRecorderTest, OnlyTheChannelsThatTheFileNamesAreRecorded) {
  config_.machines[0].stored = std::vector<std::string>{"speed"};
  Begin();
  Rows(0, 0, 5);
  recorder_->Stop();
  EXPECT_THAT(Recorded("pump-1")[0].channels, ElementsAre("speed"));
  EXPECT_THAT(Recorded("pump-1")[0].values, SizeIs(5));

  config_.machines[0].stored = std::vector<std::string>{};
  config_.store->folder = "none";
  Begin();
  Rows(0, 0, 5);
  Alarm(4);
  recorder_->Stop();
  EXPECT_THAT(recorder_->MetricsText(), HasSubstr("millrace_recorded_rows 0"));
}

TEST_F(LiveRecorderTest, AlarmIsCapturedAndItsRowsAreMarked) {
  Begin();
  Rows(0, 0, 50);
  Alarm(49);
  Rows(0, 50, 60);
  Alarm(59, Judgement::kNormal);
  Rows(0, 60, 70);
  recorder_->Stop();
  const CaptureFolder folder(&memory_, "captures");
  MR_ASSERT_OK_AND_ASSIGN(const auto captures, folder.List());
  ASSERT_THAT(captures, SizeIs(1));
  EXPECT_EQ(captures[0].event.trigger, CaptureTrigger::kAlarm);
  MR_ASSERT_OK_AND_ASSIGN(const Capture capture, folder.Read(captures[0].id));
  EXPECT_EQ(capture.rows.front().values.front(), 44) << "three seconds of window, two before";
  EXPECT_EQ(capture.rows.back().values[capture.rows.back().values.size() - 2], 49);
  const StoredRows rows = Recorded("pump-1")[0];
  ASSERT_THAT(rows.alarms, SizeIs(70));
  EXPECT_EQ(rows.alarms[45], 0);
  for (const int row : {46, 47, 48, 49}) EXPECT_EQ(rows.alarms[row], 1) << row;
  EXPECT_EQ(rows.alarms[50], 0) << "it was no alarm any more";
  EXPECT_THAT(recorder_->MetricsText(), HasSubstr("millrace_captures{trigger=\"alarm\"} 1"));
}

TEST_F(LiveRecorderTest, RowsBetweenTwoWindowsOfAnAlarmAreOfItUnlessAClockWasSet) {
  config_.machines[0].hop = 10;
  Begin();
  Rows(0, 0, 100);
  Alarm(19);
  Alarm(29);
  Alarm(39, Judgement::kNotEvaluated);
  Alarm(49, Judgement::kNormal);
  Alarm(59, Judgement::kNotEvaluated);
  Alarm(69);
  Alarm(99);
  recorder_->Stop();
  const StoredRows rows = Recorded("pump-1")[0];
  ASSERT_THAT(rows.alarms, SizeIs(100));
  for (int row = 0; row < 100; ++row) {
    const bool marked = (row >= 16 && row <= 39) || (row >= 66 && row <= 69) || row >= 96;
    EXPECT_EQ(rows.alarms[row] != 0, marked) << row;
  }
}

/// Rows 105 to 124 of 300 are a fault; windows of ten rows, one after the other.
TEST_F(LiveRecorderTest, FaultIsMarkedWhetherItsRowsComeOneByOneOrAllAtOnce) {
  MachineConfig machine = config_.machines[0];
  machine.names = {"pump-1"};
  machine.model = "pumps";
  machine.threshold = 1;
  machine.channels.resize(1);
  config_.machines = {machine};
  for (const int64_t rows_at_once : {1, 300}) {
    Begin();
    ScoringEngine engine(
        {machine}, &clock_, [&](const MachineVerdict& verdict) { recorder_->Take(verdict); },
        [](const ChannelDrift&) {}, [&](const MachineRow& row) { recorder_->Take(row); });
    auto model = std::make_shared<InstalledModel>();
    model->package.plan.model.kind = ModelKind::kAutoencoder;
    model->package.plan.input.channels = {"current"};
    model->package.plan.input.window = 10;
    model->package.plan.input.normalization = Normalization::kNone;
    model->package.manifest.set_name("pumps");
    model->predictors.push_back(std::make_unique<testing::ConstantPredictor>(0, 10));
    MR_ASSERT_OK(engine.Use(std::move(model)));
    SampleBatch batch;
    for (int64_t row = 0; row < 300; ++row) {
      const bool fault = row >= 105 && row < 125;
      batch.samples.push_back({kBegin + row * kNsPerS, 0, fault ? 100.F : 0.F});
      if (std::ssize(batch.samples) < rows_at_once) continue;
      engine.Process(batch);
      engine.ScoreDue();
      batch.samples.clear();
    }
    recorder_->Stop();
    EXPECT_EQ(engine.counts().alarms, 3);
    const StoredRows rows = Recorded("pump-1")[0];
    ASSERT_THAT(rows.alarms, SizeIs(rows.rows()));
    for (int64_t row = 0; row < rows.rows(); ++row) {
      EXPECT_EQ(rows.alarms[row] != 0, row >= 100 && row < 130) << row;
    }
    MR_ASSERT_OK_AND_ASSIGN(const auto names, memory_.List("recordings"));
    for (const std::string& name : names) {
      MR_ASSERT_OK(memory_.Remove("recordings/" + name));
    }
  }
}

TEST_F(LiveRecorderTest, ButtonCapturesWhatAMachineThatIsRecordedDoesNow) {
  Begin();
  Rows(0, 0, 50);
  ASSERT_TRUE(Eventually([&] { return !Recorded("pump-1").empty(); }));
  EXPECT_THAT(recorder_->Press("pump-9", ""),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("machine 'pump-9'")));
  MR_EXPECT_OK(recorder_->Press("pump-1", "strange noise"));
  recorder_->Stop();
  MR_ASSERT_OK_AND_ASSIGN(const auto captures, CaptureFolder(&memory_, "captures").List());
  ASSERT_THAT(captures, SizeIs(1));
  EXPECT_EQ(captures[0].event.trigger, CaptureTrigger::kButton);
  EXPECT_EQ(captures[0].event.reason, "strange noise");
  EXPECT_THAT(recorder_->Press("pump-1", ""),
              IsStatus(absl::StatusCode::kUnavailable, HasSubstr("nothing is captured")));
}

TEST_F(LiveRecorderTest, DiskThatIsFullIsToldAndRecordingResumesByItself) {
  disk_.FillUp();
  Begin();
  Rows(0, 0, 10);
  EXPECT_TRUE(Eventually([&] { return !recorder_->Health().ok(); }));
  EXPECT_TRUE(Eventually([&] {
    return absl::StrContains(recorder_->MetricsText(), "\nmillrace_recording_complete 0\n");
  }));
  EXPECT_THAT(recorder_->Health(),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("full disk")));
  disk_.Heal();
  int64_t second = 10;
  EXPECT_TRUE(Eventually([&] {
    clock_.now_ns += 10 * kNsPerS;
    Rows(0, second, second + 10);
    second += 10;
    return absl::StrContains(recorder_->MetricsText(), "\nmillrace_recording_complete 1\n");
  }));
  Rows(0, second, second + 10);
  MR_EXPECT_OK(recorder_->Health());
  recorder_->Stop();
  EXPECT_THAT(Recorded("pump-1"), ::testing::Not(IsEmpty()));
  EXPECT_EQ(Recorded("pump-1").back().last_ns(), kBegin + (second + 9) * kNsPerS);
}

TEST_F(LiveRecorderTest, FullDiskIsToldUntilItTakesRowsHoweverSeldomTheyCome) {
  config_.capture.reset();  // the writing thread asks for the time once whenever it looks for rows
  Begin();
  Rows(0, 0, 10);
  ASSERT_TRUE(Eventually([&] { return !Recorded("pump-1").empty(); }));
  disk_.FillUp();
  ::testing::internal::CaptureStderr();
  Rows(0, 10, 20);
  EXPECT_TRUE(Eventually([&] { return !recorder_->Health().ok(); }));
  const int64_t asked = clock_.asked;
  EXPECT_TRUE(Eventually([&] { return clock_.asked >= asked + 5; })) << "no rows have come";
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("recordings have gaps"));
  EXPECT_THAT(log, ::testing::Not(HasSubstr("recording goes on")));
  EXPECT_THAT(recorder_->Health(),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("full disk")));
  EXPECT_THAT(recorder_->MetricsText(), HasSubstr("\nmillrace_recording_complete 0\n"));
  disk_.Heal();
  Rows(0, 20, 30);
  EXPECT_TRUE(Eventually([&] { return recorder_->Health().ok(); }));
}

TEST(LiveMemoryTest, DriftThatWasLearntOutlastsARestart) {
  MachineConfig machine = RecorderConfig().machines[0];
  machine.drift.emplace().learn_s = 60;
  StandingClock clock;
  MemoryFileSystem disk;
  MR_ASSERT_OK(disk.CreateDirectories("state"));
  std::vector<ChannelDrift> told;
  const auto new_engine = [&] {
    return std::make_unique<ScoringEngine>(
        std::vector{machine}, &clock, [](const MachineVerdict&) {},
        [&](const ChannelDrift& drift) { told.push_back(drift); });
  };
  Random random(1);
  int64_t second = 0;
  const auto feed = [&](ScoringEngine& engine, int64_t seconds, double shift) {
    for (int64_t i = 0; i < seconds; ++i, ++second) {
      SampleBatch batch{clock.MonotonicNs(), {}};
      for (ChannelIndex channel : {0, 1}) {
        batch.samples.push_back(
            {kBegin + second * kNsPerS, channel, static_cast<float>(10 + random.Normal() + shift)});
      }
      engine.Process(batch);
    }
    engine.Maintain();
  };
  auto engine = new_engine();
  feed(*engine, 100, 0);
  EXPECT_THAT(told, SizeIs(2)) << "both channels are learnt";
  LiveMemory memory(&disk, "state");
  memory.Load();
  memory.Note({engine->LearntThresholds(), engine->NotedDrift()});
  memory.Save();
  memory.Save();

  told.clear();
  engine = new_engine();
  engine->RestoreDrift(LiveMemory(&disk, "state").Load().drift);
  feed(*engine, 200, 3);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told[0].report.state, DriftState::kSuspected) << "without learning again";

  MR_ASSERT_OK(WriteFileDurably(&disk, "state/drift", "no such thing"));
  told.clear();
  engine = new_engine();
  engine->RestoreDrift(LiveMemory(&disk, "state").Load().drift);
  feed(*engine, 50, 0);
  EXPECT_THAT(told, IsEmpty()) << "it learns";
}

}  // namespace
}  // namespace millrace
