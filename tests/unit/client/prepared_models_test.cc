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

  /// Rows of about 10 of the machine; those of an alarm at 1000.
  void Record(const std::string& machine, int64_t from, int64_t to, bool alarm = false) {
    StoredRows rows{machine, {"current"}, kFirstRow + from * kNsPerS, kNsPerS, {}, {}, {}};
    for (int64_t i = from; i < to; ++i) {
      rows.values.push_back(alarm ? 1000 : static_cast<float>(10 + random_.Uniform()));
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
    engine_ = std::make_unique<ScoringEngine>(
        std::vector{config_}, &clock_,
        [this](const MachineVerdict& verdict) { verdicts_.push_back(verdict); });
    models_ = std::make_unique<PreparedModels>(
        std::vector{config_}, recordings, &disk_, &clock_, engine_.get(),
        [this](LearntOfMachines learnt) { noted_.merge(learnt.thresholds); });
  }
  void Install(float level, const std::string& sha256) {
    auto model = std::make_shared<InstalledModel>();
    model->package.plan.model.kind = ModelKind::kAutoencoder;
    model->package.plan.input.channels = {"current"};
    model->package.plan.input.window = 2;
    model->package.plan.input.normalization = Normalization::kNone;
    model->package.manifest.set_name("pumps");
    model->package.manifest.set_parameters_sha256(sha256);
    model->predictors.push_back(std::make_unique<AlwaysAt>(level));
    MR_ASSERT_OK(models_->Use(std::move(model)));
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
  std::unique_ptr<ScoringEngine> engine_;
  std::unique_ptr<PreparedModels> models_;
  std::vector<MachineVerdict> verdicts_;
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

}  // namespace
}  // namespace millrace
