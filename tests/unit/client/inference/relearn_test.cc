// SPDX-License-Identifier: Apache-2.0
// What becomes of a machine's drift by somebody's order that what it does now is normal.
#include <gmock/gmock.h>

#include <memory>

#include "base/random.h"
#include "client/inference/engine.h"
#include "client/inference/relearn_order.h"
#include "tests/testing/constant_predictor.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr int64_t kRelearnBegin = 1'700'000'000 * kNsPerS;

/// Two machines of two channels, whose drift is watched.
class RelearnTest : public ::testing::Test {
 protected:
  RelearnTest() {
    config_.names = {"pump-1", "pump-2"};
    config_.model = "pumps";
    config_.rate_hz = 1;
    config_.hop = 1;
    config_.learning = {.rate = 0.05, .learn_windows = 200};
    for (const char* name : {"current", "speed"}) {
      config_.channels.push_back({.name = name, .unit = "", .rate_hz = 1, .rules = {}});
    }
    config_.drift.emplace().learn_s = 60;
    Begin();
  }

  void Begin() {
    told_.clear();
    engine_ = std::make_unique<ScoringEngine>(
        std::vector{config_}, &clock_,
        [this](const MachineVerdict& verdict) { verdicts_.push_back(verdict); },
        [this](const ChannelDrift& drift) { told_.push_back(drift); });
    MR_ASSERT_OK(engine_->Use(ModelOfParameters("a model")));
  }
  static std::shared_ptr<InstalledModel> ModelOfParameters(const std::string& sha256) {
    auto model = std::make_shared<InstalledModel>();
    model->package.plan.model.kind = ModelKind::kAutoencoder;
    model->package.plan.input.channels = {"current", "speed"};
    model->package.plan.input.window = 1;
    model->package.plan.input.normalization = Normalization::kNone;
    model->package.manifest.set_name("pumps");
    model->package.manifest.set_parameters_sha256(sha256);
    model->predictors.push_back(std::make_unique<testing::ConstantPredictor>(0, 2));
    return model;
  }
  /// Of a channel that was at this level when it was recorded.
  DriftMonitor Recorded(double level) {
    std::vector<FeatureValues> seconds(100, kNoFeatures);
    for (FeatureValues& second : seconds) second[kFeatureMean] = level + 0.1 * random_.Normal();
    DriftMonitor monitor(*config_.drift);
    EXPECT_TRUE(monitor.LearnRecorded(/*mode=*/0, seconds));
    return monitor;
  }
  /// All channels of both machines at this level.
  void Feed(int64_t seconds, double level) {
    for (int64_t i = 0; i < seconds; ++i, ++second_) {
      SampleBatch batch{kNsPerS, {}};
      for (ChannelIndex channel = 0; channel < 4; ++channel) {
        const auto value = static_cast<float>(level + 0.1 * random_.Normal());
        batch.samples.push_back({kRelearnBegin + second_ * kNsPerS, channel, value});
      }
      engine_->Process(batch);
      engine_->ScoreDue();
    }
    engine_->Maintain();
  }
  void HaveAllDrift() {
    Feed(80, 10);
    Feed(400, 12);
    told_.clear();
  }
  static RelearnOrder OrderOf(const std::string& machine, std::vector<std::string> channels = {}) {
    RelearnOrder order;
    order.machine = machine;
    order.channels = std::move(channels);
    order.by = "A. Smith";
    order.note = "the gearbox is new";
    return order;
  }
  /// "pump-1/current" and the like, of what was told to be in this state.
  std::vector<std::string> ToldToBe(DriftState state) const {
    std::vector<std::string> channels;
    for (const ChannelDrift& drift : told_) {
      if (drift.report.state == state) channels.push_back(drift.machine + "/" + drift.channel);
    }
    return channels;
  }

  MachineConfig config_;
  testing::ManualLiveClock clock_;
  Random random_{1};
  int64_t second_ = 0;
  std::unique_ptr<ScoringEngine> engine_;
  std::vector<ChannelDrift> told_;
  std::vector<MachineVerdict> verdicts_;
};

TEST_F(RelearnTest, OrderEndsTheDriftOfAMachineAndSaysWhoseItWas) {
  HaveAllDrift();
  engine_->Relearn(OrderOf("pump-1"));
  EXPECT_THAT(ToldToBe(DriftState::kLearning),
              UnorderedElementsAre("pump-1/current", "pump-1/speed", "pump-1/(score)"));
  for (const ChannelDrift& drift : told_) {
    EXPECT_EQ(drift.by, "A. Smith");
    EXPECT_EQ(drift.note, "the gearbox is new");
    EXPECT_EQ(drift.time_ns, clock_.UnixNs());
  }
  told_.clear();
  Feed(400, 12);
  EXPECT_THAT(ToldToBe(DriftState::kStable),
              UnorderedElementsAre("pump-1/current", "pump-1/speed", "pump-1/(score)"))
      << "it is normal now";
  EXPECT_THAT(told_, SizeIs(3)) << "the other machine drifts as before";
  Feed(100, 10);
  EXPECT_THAT(ToldToBe(DriftState::kSuspected), ::testing::Contains("pump-1/current"))
      << "what was normal once";
}

TEST_F(RelearnTest, OrderOfAChannelIsOfThatAlone) {
  HaveAllDrift();
  engine_->Relearn(OrderOf("pump-2", {"speed"}));
  EXPECT_THAT(ToldToBe(DriftState::kLearning), ElementsAre("pump-2/speed"));
  told_.clear();
  engine_->Relearn(OrderOf("pump-2", {kScoreChannel}));
  EXPECT_THAT(ToldToBe(DriftState::kLearning), ElementsAre("pump-2/(score)"));
}

TEST_F(RelearnTest, WhatIsLearntAnewIsSoAfterARestart) {
  HaveAllDrift();
  engine_->Relearn(OrderOf("pump-1"));
  const ScoringEngine::LearntDrift noted = engine_->NotedDrift();
  Begin();
  engine_->RestoreDrift(noted);
  EXPECT_THAT(ToldToBe(DriftState::kConfirmed),
              UnorderedElementsAre("pump-2/current", "pump-2/speed", "pump-2/(score)"));
  Feed(80, 12);
  EXPECT_THAT(ToldToBe(DriftState::kStable), ::testing::Contains("pump-1/current"));
}

TEST_F(RelearnTest, RecordingsDoNotUndoAnOrderWhateverTheirModelsModesAre) {
  HaveAllDrift();
  engine_->Relearn(OrderOf("pump-1", {"speed"}));
  told_.clear();
  const std::shared_ptr<InstalledModel> model = ModelOfParameters("another");
  model->package.plan.input.modes = {{.column = "speed", .step = 100, .min = 0, .max = 0}};
  model->drift["pump-1"] = {Recorded(10), Recorded(10)};
  MR_ASSERT_OK(engine_->Use(model));
  Feed(1, 10);
  EXPECT_THAT(ToldToBe(DriftState::kStable), ElementsAre("pump-1/current"));
  EXPECT_TRUE(told_.back().prepared);
  EXPECT_EQ(told_.back().report.reference, DriftReference::kTraining);
  told_.clear();
  MR_ASSERT_OK(engine_->Use(model));
  Feed(1, 10);
  EXPECT_THAT(told_, ::testing::IsEmpty()) << "it has brought nothing new";
}

TEST_F(RelearnTest, ThresholdIsLearntAnewWhereTheOrderSaysSo) {
  Feed(210, 10);
  Feed(10, 20);
  ASSERT_EQ(verdicts_.back().judgement, Judgement::kAlarm);
  engine_->Relearn(OrderOf("pump-1"));
  Feed(1, 20);
  EXPECT_EQ(verdicts_[verdicts_.size() - 2].judgement, Judgement::kAlarm);

  RelearnOrder order = OrderOf("pump-1");
  order.threshold = true;
  engine_->Relearn(order);
  const auto learnt = engine_->LearntThresholds();
  Feed(1, 20);
  EXPECT_EQ(verdicts_[verdicts_.size() - 2].reason, "threshold: 1 of 200 windows seen");
  EXPECT_EQ(verdicts_.back().judgement, Judgement::kAlarm) << "the other machine";
  Feed(210, 20);
  Feed(1, 20);
  EXPECT_EQ(verdicts_[verdicts_.size() - 2].judgement, Judgement::kNormal);

  Begin();
  engine_->RestoreThresholds(learnt);
  Feed(1, 20);
  EXPECT_EQ(verdicts_[verdicts_.size() - 2].reason, "threshold: 1 of 200 windows seen")
      << "the one before the order is gone";
  EXPECT_EQ(verdicts_.back().judgement, Judgement::kAlarm);
}

TEST_F(RelearnTest, OrderOfNobodyChangesNothing) {
  HaveAllDrift();
  engine_->Relearn(OrderOf("pump-3"));
  engine_->Relearn(OrderOf("pump-1", {"pressure"}));
  EXPECT_THAT(told_, ::testing::IsEmpty());
  EXPECT_TRUE(engine_->Watches("pump-2"));
  EXPECT_FALSE(engine_->Watches("pump-3"));
}

TEST_F(RelearnTest, OrderThatCannotBeFollowedIsRefusedByName) {
  MR_EXPECT_OK(CheckOrder(OrderOf("pump-1", {"speed", kScoreChannel}), {config_}));
  EXPECT_THAT(CheckOrder(OrderOf("pump-3"), {config_}),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("machine 'pump-3'")));
  EXPECT_THAT(CheckOrder(OrderOf("pump-1", {"pressure"}), {config_}),
              IsStatus(absl::StatusCode::kNotFound,
                       HasSubstr("machine 'pump-1': no drift of a channel 'pressure' is watched; "
                                 "there are current, speed, (score)")));
  RelearnOrder of_threshold = OrderOf("pump-1");
  of_threshold.threshold = true;
  MR_EXPECT_OK(CheckOrder(of_threshold, {config_}));
  Plan serving;
  MR_EXPECT_OK(CheckThresholdOrder(of_threshold, serving));
  serving.label.kind = LabelKind::kColumn;
  MR_EXPECT_OK(CheckThresholdOrder(OrderOf("pump-1"), serving));
  EXPECT_THAT(CheckThresholdOrder(of_threshold, serving),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("learns no threshold; leave out --threshold")));
  config_.threshold = 3;
  EXPECT_THAT(CheckOrder(of_threshold, {config_}),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("threshold = 3")));
  config_.model.clear();
  EXPECT_THAT(CheckOrder(of_threshold, {config_}),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("no model judges it")));
  EXPECT_THAT(CheckOrder(OrderOf("pump-1", {kScoreChannel}), {config_}),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("(score)")));
  config_.drift.reset();
  EXPECT_THAT(CheckOrder(OrderOf("pump-1"), {config_}),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("[drift]")));
}

}  // namespace
}  // namespace millrace
