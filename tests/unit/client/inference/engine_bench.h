// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/inference/engine.h"
#include "tests/testing/verdicts.h"

namespace millrace::testing {

inline constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
inline constexpr int64_t kSecond = 1'000'000'000;
inline constexpr int64_t kStart = 1'700'000'000 * kSecond;

/// Gives back what it gets, `off` more in the first channel of two.
class Echo : public Predictor {
 public:
  Echo(int64_t window, float off) : window_(window), off_(off) {}
  absl::Status Predict(std::span<const float> inputs, std::span<float> outputs) override {
    batches.push_back(static_cast<int64_t>(inputs.size()) / (2 * window_));
    if (fails) return absl::InternalError("no memory");
    for (size_t i = 0; i < inputs.size(); ++i) {
      outputs[i] = inputs[i] + (i % 2 == 0 ? off_ : 0.1F);
    }
    seen.assign(inputs.begin(), inputs.end());
    return absl::OkStatus();
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float>, std::span<const float>,
                                        int64_t) override {
    return absl::UnimplementedError("");
  }
  int64_t width() const override { return 2 * window_; }

  bool fails = false;
  std::vector<int64_t> batches;
  std::vector<float> seen;

 private:
  const int64_t window_;
  const float off_;
};

/// Gives each class a score of the window's last row of the first channel times the class.
class FakeClassifier : public Predictor {
 public:
  absl::Status Predict(std::span<const float> inputs, std::span<float> outputs) override {
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputs[i] = static_cast<float>(i % 3) * inputs[6 * (i / 3) + 4];
    }
    return absl::OkStatus();
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float>, std::span<const float>,
                                        int64_t) override {
    return Attribution{{0, 1, 0, 2, 1, 0}, 0.004, 32};
  }
  int64_t width() const override { return 3; }
};

inline MachineConfig Pumps(std::vector<std::string> names) {
  MachineConfig config;
  config.names = std::move(names);
  config.model = "pumps";
  config.rate_hz = 1;
  config.hop = 1;
  config.patience_s = 2;
  config.threshold = 1;
  for (const char* name : {"unused", "current", "speed"}) {
    ChannelConfig channel;
    channel.name = name;
    channel.rate_hz = 1;
    channel.rules.min = -1000;
    channel.rules.max = 1000;
    config.channels.push_back(channel);
  }
  return config;
}

inline Plan PumpPlan() {
  Plan plan;
  plan.run.name = "pumps";
  plan.model.kind = ModelKind::kAutoencoder;
  plan.input.channels = {"speed", "current"};
  plan.input.window = 3;
  plan.input.normalization = Normalization::kNone;
  return plan;
}

inline std::shared_ptr<InstalledModel> ModelOf(const Plan& plan,
                                               std::unique_ptr<Predictor> predictor,
                                               int64_t version = 1) {
  auto model = std::make_shared<InstalledModel>();
  model->package.plan = plan;
  model->package.manifest.set_name(plan.run.name);
  model->package.manifest.set_version(version);
  model->predictors.push_back(std::move(predictor));
  return model;
}

/// An engine for machines of three channels, of which the model uses two, and what it says.
struct EngineBench {
  explicit EngineBench(std::vector<std::string> names = {"pump-1"})
      : EngineBench(Pumps(std::move(names))) {}
  explicit EngineBench(const MachineConfig& config)
      : engine({config}, &clock, [this](const MachineVerdict& v) { verdicts.push_back(v); }) {}

  Echo* UseEcho(float off, int64_t version = 1) {
    auto echo = std::make_unique<Echo>(3, off);
    Echo* const result = echo.get();
    EXPECT_TRUE(engine.Use(ModelOf(PumpPlan(), std::move(echo), version)).ok());
    return result;
  }
  /// A row of machine number `machine`.
  void Row(int64_t second, float current, float speed, int machine = 0) {
    SampleBatch batch;
    batch.arrived_ns = clock.now_ns;
    const int64_t time_ns = kStart + second * kSecond;
    batch.samples = {{time_ns, 3 * machine, 0},
                     {time_ns, 3 * machine + 1, current},
                     {time_ns, 3 * machine + 2, speed}};
    engine.Process(batch);
    engine.ScoreDue();
  }

  ManualLiveClock clock;
  std::vector<MachineVerdict> verdicts;
  ScoringEngine engine;
};

}  // namespace millrace::testing
