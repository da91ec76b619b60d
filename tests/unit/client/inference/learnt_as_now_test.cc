// SPDX-License-Identifier: Apache-2.0
// A restart after the rate of a machine's rows or the unit of one of its channels was corrected.
#include "client/inference/learnt_as_now.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "tests/testing/constant_predictor.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using ::testing::Contains;
using ::testing::Not;

constexpr int64_t kCorrectedFrom = 1'700'000'000 * kNsPerS;

/// A machine of two channels, of which the model sees the temperature.
class LearntAsNowTest : public ::testing::Test {
 protected:
  LearntAsNowTest() {
    config_.names = {"oven-1"};
    config_.model = "ovens";
    config_.rate_hz = 1;
    config_.hop = 1;
    config_.learning.learn_windows = 100;
    config_.learning.rate = 0.05;
    config_.channels = {{.name = "temperature", .unit = "°F", .rate_hz = 1, .rules = {}},
                        {.name = "speed", .unit = "rpm", .rate_hz = 1, .rules = {}}};
    config_.drift.emplace().learn_s = 60;
    Begin({});
    Feed(200, 10);
    learnt_ = {engine_->LearntThresholds(), engine_->NotedDrift()};
  }

  void Begin(const LearntOfMachines& learnt) {
    told_.clear();
    verdicts_.clear();
    engine_ = std::make_unique<ScoringEngine>(
        std::vector{config_}, &clock_,
        [this](const MachineVerdict& verdict) { verdicts_.push_back(verdict); },
        [this](const ChannelDrift& drift) { told_.push_back(drift); });
    auto model = std::make_shared<InstalledModel>();
    model->package.plan.model.kind = ModelKind::kAutoencoder;
    model->package.plan.input.channels = {"temperature"};
    model->package.plan.input.window = 1;
    model->package.plan.input.normalization = Normalization::kNone;
    model->package.manifest.set_name("ovens");
    model->package.manifest.set_parameters_sha256("a model");
    model->predictors.push_back(std::make_unique<testing::ConstantPredictor>(0, 1));
    MR_ASSERT_OK(engine_->Use(std::move(model)));
    engine_->RestoreThresholds(learnt.thresholds);
    engine_->RestoreDrift(learnt.drift);
  }
  /// As the site's file is now.
  void Restart() { Begin(LearntAsNow(learnt_, {config_})); }
  /// Both channels at about this level.
  void Feed(int64_t seconds, double level) {
    for (int64_t i = 0; i < seconds; ++i, ++second_) {
      const int64_t time_ns = kCorrectedFrom + second_ * kNsPerS;
      const auto near = [&] { return static_cast<float>(level + 0.1 * random_.Normal()); };
      engine_->Process({clock_.now_ns, {{time_ns, 0, near()}, {time_ns, 1, near()}}});
      engine_->ScoreDue();
    }
    engine_->Maintain();
  }
  /// Those of which a drift is suspected at once: what is normal of them is known.
  std::vector<std::string> Known() {
    Feed(40, 12);
    std::vector<std::string> known;
    for (const ChannelDrift& drift : told_) {
      if (drift.report.state == DriftState::kSuspected) known.push_back(drift.channel);
    }
    return known;
  }
  bool HasThreshold() {
    Feed(3, 10);
    return !verdicts_.empty() && verdicts_.back().threshold.has_value();
  }

  MachineConfig config_;
  testing::ManualLiveClock clock_;
  Random random_{1};
  int64_t second_ = 0;
  std::unique_ptr<ScoringEngine> engine_;
  std::vector<ChannelDrift> told_;
  std::vector<MachineVerdict> verdicts_;
  LearntOfMachines learnt_;
};

TEST_F(LearntAsNowTest, WhatIsAsItWasIsKnown) {
  Restart();
  EXPECT_TRUE(HasThreshold());
  EXPECT_THAT(Known(), ::testing::IsSupersetOf({"temperature", "speed", kScoreChannel}));
}

TEST_F(LearntAsNowTest, OfAChannelInAnotherUnitAllIsLearntAnew) {
  config_.channels[0].unit = "°C";
  Restart();
  EXPECT_FALSE(HasThreshold());
  const std::vector<std::string> known = Known();
  EXPECT_THAT(known, Contains("speed"));
  EXPECT_THAT(known, Not(Contains("temperature")));
  EXPECT_THAT(known, Not(Contains(kScoreChannel)));
}

TEST_F(LearntAsNowTest, UnitOfAChannelThatTheModelDoesNotSeeLeavesTheThreshold) {
  config_.channels[1].unit = "1/min";
  Restart();
  EXPECT_TRUE(HasThreshold());
  const std::vector<std::string> known = Known();
  EXPECT_THAT(known, Contains("temperature"));
  EXPECT_THAT(known, Not(Contains("speed")));
}

TEST_F(LearntAsNowTest, UnitThatIsNoLongerSaidIsNoOther) {
  config_.channels[0].unit = "";
  Restart();
  EXPECT_TRUE(HasThreshold());
  EXPECT_THAT(Known(), Contains("temperature"));
}

TEST_F(LearntAsNowTest, AtAnotherRateAllIsLearntAnew) {
  config_.rate_hz = 2;
  EXPECT_TRUE(LearntAsNow(learnt_, {config_}).thresholds.empty());
  EXPECT_EQ(*LearntAsNow(learnt_, {config_}).drift.at("oven-1"), "");
}

TEST_F(LearntAsNowTest, WhatCannotBeReadIsLeftToWhoeverRestoresIt) {
  learnt_.drift["oven-1"] = std::make_shared<const std::string>("damaged");
  learnt_.thresholds["oven-1"].bytes = std::make_shared<const std::string>("damaged");
  Restart();
  EXPECT_FALSE(HasThreshold());
}

}  // namespace
}  // namespace millrace
