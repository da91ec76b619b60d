// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "client/inference/engine.h"
#include "client/prepared_models.h"
#include "client/store/store_writer.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/verdicts.h"

namespace millrace {

inline constexpr int64_t kFirstPreparedRow = 1'700'000'000 * kNsPerS;

/// Gives a constant, so that a window's score is the mean distance of its values from it.
class AlwaysAt : public Predictor {
 public:
  explicit AlwaysAt(float level, std::function<void()> meanwhile = nullptr)
      : level_(level), meanwhile_(std::move(meanwhile)) {}
  absl::Status Predict(std::span<const float>, std::span<float> outputs) override {
    if (meanwhile_) meanwhile_();
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
  const std::function<void()> meanwhile_;
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
    StoredRows rows{machine, {"current"}, kFirstPreparedRow + from * kNsPerS, kNsPerS, {}, {}, {}};
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
        engine_.get(), [this](LearntOfMachines learnt) {
          noted_.merge(learnt.thresholds);
          noted_since_.merge(learnt.normal_since);
        });
  }
  static std::shared_ptr<InstalledModel> ModelAt(float level, const std::string& sha256,
                                                 std::function<void()> meanwhile = nullptr) {
    auto model = std::make_shared<InstalledModel>();
    model->package.plan.model.kind = ModelKind::kAutoencoder;
    model->package.plan.input.channels = {"current"};
    model->package.plan.input.window = 2;
    model->package.plan.input.normalization = Normalization::kNone;
    model->package.manifest.set_name("pumps");
    model->package.manifest.set_parameters_sha256(sha256);
    model->predictors.push_back(std::make_unique<AlwaysAt>(level, std::move(meanwhile)));
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
      engine_->Process({clock_.now_ns, {{kFirstPreparedRow + second_ * kNsPerS, machine, value}}});
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
  std::map<std::string, int64_t> noted_since_;
  int64_t second_ = 10'000;
};

}  // namespace millrace
