// SPDX-License-Identifier: Apache-2.0
// A new model at a machine that is judged already: what its threshold knows at the first window.
#include "client/prepared_models.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "client/inference/engine.h"
#include "client/store/store_writer.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kFirstRow = 1'700'000'000 * kNsPerS;

/// Gives a constant, so that a window's score is the mean distance of its values from it.
class AlwaysAt : public Predictor {
 public:
  explicit AlwaysAt(float level) : level_(level) {}
  absl::Status Predict(std::span<const float>, std::span<float> outputs) override {
    if (std::isnan(level_)) return absl::InternalError("no memory");
    std::ranges::fill(outputs, level_);
    return absl::OkStatus();
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float>, std::span<const float>,
                                        int64_t) override {
    return absl::UnimplementedError("");
  }
  int64_t width() const override { return 2; }

 private:
  const float level_;
};

class PreparedModelsTest : public ::testing::Test {
 protected:
  PreparedModelsTest() {
    config_.names = {"pump-1", "pump-2"};
    config_.model = "pumps";
    config_.rate_hz = 1;
    config_.hop = 2;
    config_.learning = {.rate = 0.05, .learn_windows = 200};
    config_.channels.push_back({.name = "current", .unit = "", .rate_hz = 1, .rules = {}});
    writer_ = StoreWriter::Open(&disk_, "recordings", {}).value();
  }

  /// Rows of about this level of the machine; those of an alarm at 1000.
  void Record(const std::string& machine, int64_t from, int64_t to, bool alarm = false,
              double level = 10) {
    StoredRows rows{machine, {"current"}, kFirstRow + from * kNsPerS, kNsPerS, {}, {}, {}};
    for (int64_t i = from; i < to; ++i) {
      rows.values.push_back(alarm ? 1000 : static_cast<float>(level + random_.Uniform()));
      rows.flags.push_back(Flag::kNotEvaluated);
    }
    MR_ASSERT_OK(writer_->Add(rows));
    if (alarm) {
      AlarmTimes alarms;
      alarms.Add(machine, rows.first_ns, rows.last_ns());
      MR_ASSERT_OK(writer_->AddAlarms(alarms));
    }
    MR_ASSERT_OK(writer_->Sync(kNsPerS));
  }
  void Begin(const std::string& recordings = "recordings") {
    recent_ = std::make_unique<RecentRows>(std::vector{config_}, !recordings.empty(), &clock_,
                                           most_bytes_);
    engine_ = std::make_unique<ScoringEngine>(
        std::vector{config_}, &clock_,
        [this](const MachineVerdict& verdict) {
          verdicts_.push_back(verdict);
          recent_->Take(verdict);
        },
        [this](const ChannelDrift& drift) { drift_.push_back(drift); },
        [this](const MachineRow& row) { recent_->Take(row); });
    models_ = std::make_unique<PreparedModels>(
        std::vector{config_}, PreparedModels::Past{recordings, 0, recent_.get()}, &disk_, &clock_,
        engine_.get(), [this](LearntOfMachines learnt) { noted_.merge(learnt.thresholds); });
  }
  static std::shared_ptr<InstalledModel> ModelAt(float level, const std::string& sha256) {
    auto model = std::make_shared<InstalledModel>();
    model->package.plan.model.kind = ModelKind::kAutoencoder;
    model->package.plan.input.channels = {"current"};
    model->package.plan.input.window = 2;
    model->package.plan.input.normalization = Normalization::kNone;
    model->package.manifest.set_name("pumps");
    model->package.manifest.set_parameters_sha256(sha256);
    model->predictors.push_back(std::make_unique<AlwaysAt>(level));
    return model;
  }
  void Install(float level, const std::string& sha256) {
    MR_ASSERT_OK(models_->Use(ModelAt(level, sha256)));
  }
  /// Windows of normal operation, and what follows from them.
  void Windows(int count) {
    for (int i = 0; i < count; ++i) Judged(static_cast<float>(10 + random_.Uniform()));
    engine_->Maintain();
  }
  /// A daemon that has just been started anew, at a site that records nothing: a model judges
  /// there by the threshold that it had before.
  void RestartWithoutRows() {
    Begin("");
    models_->Begin();
    Install(0, "a model");
    Windows(250);
    const auto learnt = engine_->LearntThresholds();
    Begin("");
    models_->Remember({learnt, {}});
    Install(0, "a model");
    engine_->RestoreThresholds(learnt);
    models_->Begin();
    Windows(1);
    verdicts_.clear();
  }
  int64_t NotEvaluated() const {
    return std::ranges::count(verdicts_, Judgement::kNotEvaluated, &MachineVerdict::judgement);
  }
  /// The verdict on the next window of the machine, whose values are this.
  MachineVerdict Judged(float value, ChannelIndex machine = 0) {
    for (int row = 0; row < 2; ++row, ++second_) {
      engine_->Process({clock_.now_ns, {{kFirstRow + second_ * kNsPerS, machine, value}}});
    }
    engine_->ScoreDue();
    return verdicts_.back();
  }

  MachineConfig config_;
  testing::ManualLiveClock clock_;
  MemoryFileSystem memory_;
  testing::FaultyFileSystem disk_{&memory_};
  Random random_{1};
  std::unique_ptr<StoreWriter> writer_;
  int64_t most_bytes_ = RecentRows::kMostBytes;
  std::unique_ptr<RecentRows> recent_;
  std::unique_ptr<ScoringEngine> engine_;
  std::unique_ptr<PreparedModels> models_;
  std::vector<MachineVerdict> verdicts_;
  std::vector<ChannelDrift> drift_;
  std::map<std::string, ScoringEngine::LearntThreshold> noted_;
  int64_t second_ = 10'000;
};

TEST_F(PreparedModelsTest, NewModelsFirstWindowIsJudgedByWhatTheSiteHasRecorded) {
  Record("pump-1", 0, 600);
  Record("pump-1", 600, 800, /*alarm=*/true);
  Record("pump-1", 800, 1000);
  Begin();
  models_->Begin();
  Install(0, "a model");
  EXPECT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  EXPECT_EQ(Judged(12).judgement, Judgement::kAlarm) << "what was an alarm is not learnt";
  EXPECT_NEAR(*verdicts_.back().threshold, 10.9, 0.15);

  Install(10, "another");
  EXPECT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  EXPECT_NEAR(*verdicts_.back().threshold, 0.9, 0.15) << "by its own scores";
  EXPECT_EQ(Judged(12).judgement, Judgement::kAlarm);
  EXPECT_THAT(noted_, SizeIs(1));
}

TEST_F(PreparedModelsTest, WhatIsPreparedIsKnownAfterARestartToo) {
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(0, "a model");
  Begin();
  models_->Remember({noted_, {}});
  Install(0, "a model");
  engine_->RestoreThresholds(noted_);
  EXPECT_EQ(Judged(12).judgement, Judgement::kAlarm);
}

TEST_F(PreparedModelsTest, MachineOfWhichLittleIsRecordedGoesOnFromThat) {
  Record("pump-1", 0, 600);
  Record("pump-2", 0, 50);
  Record("pump-2", 60, 91);
  Begin();
  models_->Begin();
  Install(0, "a model");
  EXPECT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  EXPECT_EQ(Judged(10.5F, 1).reason, "threshold: 41 of 200 windows seen")
      << "40 of recordings, none over the gap";
}

TEST_F(PreparedModelsTest, RowsOfAnotherRateOrWithFlagsTeachNothing) {
  StoredRows rows{"pump-1", {"current"}, kFirstRow, kNsPerS / 2, {}, {}, {}};
  rows.values.assign(1000, 10);
  rows.flags.assign(1000, Flag::kNotEvaluated);
  MR_ASSERT_OK(writer_->Add(rows));
  rows.first_ns += 10'000 * kNsPerS;
  rows.period_ns = kNsPerS;
  rows.flags.assign(1000, Flag::kSuspect);
  MR_ASSERT_OK(writer_->Add(rows));
  MR_ASSERT_OK(writer_->Flush());
  Begin();
  models_->Begin();
  Install(0, "a model");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("threshold: 1 of 200"));
}

TEST_F(PreparedModelsTest, ModelOfAStartThatNothingIsRememberedOfIsPreparedToo) {
  Record("pump-1", 0, 600);
  Begin();
  models_->Remember({{{"pump-1", {"another", nullptr}}}, {}});
  Install(0, "a model");
  EXPECT_EQ(Judged(12).judgement, Judgement::kAlarm);
}

TEST_F(PreparedModelsTest, StartIsHeldUpNoLongerThanAnInstallation) {
  Record("pump-1", 0, 600);
  Begin();
  clock_.now_ns += kNsPerS;
  models_->Remember({});
  clock_.now_ns += 31 * kNsPerS;
  Install(0, "a model");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("threshold: 1 of 200"));
  models_->Begin();
  Install(0, "another");
  EXPECT_EQ(Judged(12).judgement, Judgement::kAlarm);
}

TEST_F(PreparedModelsTest, NothingIsPreparedThatIsRememberedNorOnceItIsHalted) {
  Record("pump-1", 0, 600);
  Begin();
  models_->Remember({{{"pump-1", {"a model", nullptr}}}, {}});
  Install(0, "a model");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("threshold: 1 of 200")) << "until it is restored";
  models_->Begin();
  models_->Halt();
  Install(0, "another");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("threshold: 1 of 200"));
  EXPECT_THAT(noted_, IsEmpty());
}

TEST_F(PreparedModelsTest, ModelThatFailsOnRecordingsOrADiskThatDoesServesAllTheSame) {
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(std::numeric_limits<float>::quiet_NaN(), "a model");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("no memory"));
  disk_.FailAnyCall(0, testing::DiskFault::kIoError);
  Install(0, "another");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("threshold: 1 of 200"));
  Begin("nowhere");
  models_->Begin();
  Install(0, "a third");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("threshold: 1 of 200"));
}

TEST_F(PreparedModelsTest, FixedThresholdIsLeftAlone) {
  config_.threshold = 20;
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(0, "a model");
  EXPECT_EQ(Judged(12).judgement, Judgement::kNormal);
  EXPECT_THAT(noted_, IsEmpty());
}

TEST_F(PreparedModelsTest, ReleaseAtASiteThatRecordsNothingLeavesNoWindowUnjudged) {
  Begin("");
  models_->Begin();
  Install(0, "a model");
  Windows(250);
  ASSERT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  verdicts_.clear();
  const std::shared_ptr<InstalledModel> another = ModelAt(10, "another");
  MR_ASSERT_OK(models_->MakeReady(*another, /*may_wait=*/true));
  MR_ASSERT_OK(models_->Use(another));
  EXPECT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  EXPECT_NEAR(*verdicts_.back().threshold, 0.9, 0.15) << "by its own scores";
  EXPECT_EQ(Judged(12).judgement, Judgement::kAlarm);
  Windows(300);
  EXPECT_EQ(NotEvaluated(), 0);
}

TEST_F(PreparedModelsTest, RowsOfAnAlarmAreNotLearntFromMemory) {
  Begin("");
  models_->Begin();
  Install(0, "a model");
  Windows(230);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Judged(1000).judgement, Judgement::kAlarm);
  Install(10, "another");
  EXPECT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  EXPECT_NEAR(*verdicts_.back().threshold, 0.9, 0.15);
}

TEST_F(PreparedModelsTest, ModelBeforeJudgesOnUntilTheNewOneCan) {
  RestartWithoutRows();
  const std::shared_ptr<InstalledModel> another = ModelAt(10, "another");
  for (const int windows : {0, 100, 80}) {
    Windows(windows);
    const absl::Status waits = models_->MakeReady(*another, /*may_wait=*/true);
    ASSERT_EQ(waits.code(), absl::StatusCode::kUnavailable) << windows;
    EXPECT_THAT(waits.message(), HasSubstr("1 machines are being learnt, of pump-1: "));
    EXPECT_THAT(waits.message(), HasSubstr(" of 200 windows seen"));
  }
  Windows(30);
  MR_ASSERT_OK(models_->MakeReady(*another, /*may_wait=*/true));
  MR_ASSERT_OK(models_->Use(another));
  Windows(10);
  EXPECT_EQ(NotEvaluated(), 0);
  EXPECT_NEAR(*verdicts_.back().threshold, 0.9, 0.15);
}

TEST_F(PreparedModelsTest, WhatDoesNotFitIntoMemoryIsLearntAsItComes) {
  most_bytes_ = 2 * 5 * 200;  // of two machines, rows of five bytes; a hundred windows
  RestartWithoutRows();
  const std::shared_ptr<InstalledModel> another = ModelAt(10, "another");
  Windows(120);
  int tries = 1;
  while (!models_->MakeReady(*another, /*may_wait=*/true).ok() && tries < 10) {
    Windows(50);
    ++tries;
  }
  EXPECT_GT(tries, 2);
  EXPECT_LE(tries, 6);
  MR_ASSERT_OK(models_->Use(another));
  Windows(10);
  EXPECT_EQ(NotEvaluated(), 0);
}

TEST_F(PreparedModelsTest, NoModelWaitsForLongerThanTwiceTheTimeOfItsWindows) {
  RestartWithoutRows();
  const std::shared_ptr<InstalledModel> another = ModelAt(10, "another");
  EXPECT_FALSE(models_->MakeReady(*another, /*may_wait=*/true).ok());
  clock_.now_ns += 790 * kNsPerS;
  Windows(1);
  EXPECT_FALSE(models_->MakeReady(*another, /*may_wait=*/true).ok());
  clock_.now_ns += 10 * kNsPerS;  // 200 windows of two seconds
  MR_ASSERT_OK(models_->MakeReady(*another, /*may_wait=*/true));
  MR_ASSERT_OK(models_->Use(another));
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr(" of 200 windows seen")) << "it learns on";
}

TEST_F(PreparedModelsTest, NoModelWaitsForAMachineThatIsNotJudged) {
  RestartWithoutRows();
  clock_.now_ns += 601 * kNsPerS;
  MR_EXPECT_OK(models_->MakeReady(*ModelAt(10, "another"), /*may_wait=*/true));
}

TEST_F(PreparedModelsTest, NoModelWaitsWhereTheOneBeforeCannotGoOn) {
  RestartWithoutRows();
  MR_EXPECT_OK(models_->MakeReady(*ModelAt(10, "another"), /*may_wait=*/false));
}

TEST_F(PreparedModelsTest, NoneServesAnewWhileTheDaemonEnds) {
  RestartWithoutRows();
  models_->Halt();
  EXPECT_FALSE(models_->MakeReady(*ModelAt(10, "another"), /*may_wait=*/true).ok());
}

TEST_F(PreparedModelsTest, DriftIsComparedWithWhatWasRecordedWhenTheModelCame) {
  config_.drift.emplace().learn_s = 60;
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(0, "a model");
  Windows(200);  // of what they were
  for (int i = 0; i < 200; ++i) Judged(static_cast<float>(11 + random_.Uniform()));
  ASSERT_FALSE(drift_.empty());
  EXPECT_EQ(drift_[0].channel, "current");
  EXPECT_EQ(drift_[0].report.state, DriftState::kStable);
  EXPECT_EQ(drift_[0].report.reference, DriftReference::kTraining);
  EXPECT_TRUE(std::ranges::any_of(drift_, [](const ChannelDrift& drift) {
    return drift.channel == "current" && drift.report.state == DriftState::kConfirmed &&
           drift.report.reference == DriftReference::kTraining;
  }));
}

TEST_F(PreparedModelsTest, ShiftThatWasThereBeforeTheDaemonStartedIsConfirmed) {
  config_.drift.emplace().learn_s = 60;
  Record("pump-1", 0, 600);
  const auto confirmed = [&] {
    return std::ranges::count_if(drift_, [](const ChannelDrift& drift) {
      return drift.channel == "current" && drift.report.state == DriftState::kConfirmed;
    });
  };
  for (const bool records : {true, false}) {
    drift_.clear();
    Begin(records ? "recordings" : "");
    models_->Remember({});
    Install(0, "a model");
    engine_->RestoreDrift({});
    models_->Begin();
    for (int i = 0; i < 300; ++i) Judged(static_cast<float>(11 + random_.Uniform()));
    EXPECT_EQ(confirmed(), records ? 1 : 0) << "without recordings nobody can know";
  }
}

TEST_F(PreparedModelsTest, WhatDriftWasComparedWithOutlastsARestart) {
  config_.drift.emplace().learn_s = 60;
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(0, "a model");
  Windows(10);
  const ScoringEngine::LearntDrift noted = engine_->NotedDrift();
  Record("pump-1", 600, 7800, /*alarm=*/false, /*level=*/30);
  Begin();
  models_->Remember({{}, noted});
  Install(0, "a model");
  engine_->RestoreDrift(noted);
  models_->Begin();
  drift_.clear();
  for (int i = 0; i < 100; ++i) Judged(static_cast<float>(10 + random_.Uniform()));
  const auto is_told = [&] {
    return std::ranges::count(drift_, "current", &ChannelDrift::channel);
  };
  EXPECT_EQ(is_told(), 0) << "it is what it was when the model came";

  Begin();
  models_->Remember({{}, noted});
  Install(0, "another");
  engine_->RestoreDrift(noted);
  models_->Begin();
  for (int i = 0; i < 300; ++i) Judged(static_cast<float>(30 + random_.Uniform()));
  EXPECT_EQ(is_told(), 1) << "stable: most of what was recorded for another is like this";
}

TEST_F(PreparedModelsTest, WhatSomebodySaysIsNormalOutlastsAnotherModelsRecordings) {
  config_.drift.emplace().learn_s = 60;
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(0, "a model");
  for (int i = 0; i < 200; ++i) Judged(static_cast<float>(20 + random_.Uniform()));
  engine_->Relearn({.id = "1", .machine = "pump-1", .channels = {}, .by = "", .note = ""});
  for (int i = 0; i < 60; ++i) Judged(static_cast<float>(20 + random_.Uniform()));
  engine_->Maintain();
  const ScoringEngine::LearntDrift noted = engine_->NotedDrift();
  const auto is_stable = [&](const std::string& when) {
    drift_.clear();
    for (int i = 0; i < 200; ++i) Judged(static_cast<float>(20 + random_.Uniform()));
    EXPECT_EQ(std::ranges::count(drift_, "current", &ChannelDrift::channel), 0) << when;
  };
  Install(0, "another");
  is_stable("though the recordings are of before");
  drift_.clear();
  Begin();
  models_->Remember({{}, noted});
  Install(0, "a third");
  engine_->RestoreDrift(noted);
  models_->Begin();
  EXPECT_EQ(std::ranges::count(drift_, "current", &ChannelDrift::channel), 0);
  is_stable("after a restart too");
}

}  // namespace
}  // namespace millrace
