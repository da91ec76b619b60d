// SPDX-License-Identifier: Apache-2.0
// What an engine tells of alarms, silence, drift and thresholds.
#include <gmock/gmock.h>

#include "base/random.h"
#include "client/inference/engine.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/inference/engine_bench.h"

namespace millrace {
namespace {

using testing::EngineBench;
using testing::FakeClassifier;
using ::testing::IsEmpty;
using testing::kSecond;
using testing::kStart;
using testing::ManualLiveClock;
using testing::ModelOf;
using testing::PumpPlan;
using testing::Pumps;
using ::testing::SizeIs;

/// Of three classes.
std::shared_ptr<InstalledModel> ClassifyingModel() {
  Plan plan = PumpPlan();
  plan.model.kind = ModelKind::kMlp;
  plan.label.kind = LabelKind::kColumn;
  plan.label.classes = 3;
  return ModelOf(plan, std::make_unique<FakeClassifier>());
}

TEST(EngineAlarmTest, ClassOtherThanTheNormalOneIsAnAlarmWithAttributions) {
  EngineBench rig;
  MR_ASSERT_OK(rig.engine.Use(ClassifyingModel()));
  for (int i = 0; i < 3; ++i) rig.Row(i, 1, -5);
  rig.Row(3, 1, 5);
  ASSERT_THAT(rig.verdicts, SizeIs(2));
  EXPECT_EQ(rig.verdicts[0].judgement, Judgement::kNormal);
  EXPECT_EQ(rig.verdicts[0].predicted, 0);
  EXPECT_EQ(rig.verdicts[1].judgement, Judgement::kAlarm);
  EXPECT_EQ(rig.verdicts[1].predicted, 2);
  EXPECT_NEAR(rig.verdicts[1].score, 1 / (1 + std::exp(-5) + std::exp(-10)), 1e-6);
  EXPECT_EQ(rig.verdicts[1].shares[0].channel, "current");
  EXPECT_NEAR(rig.verdicts[1].shares[0].share, 0.75, 1e-9);
  EXPECT_EQ(rig.verdicts[1].completeness_gap, 0.004);
}

TEST(EngineAlarmTest, EveryAlarmIsExplainedByAWindowOfItsOwnEpisode) {
  EngineBench rig;
  MR_ASSERT_OK(rig.engine.Use(ClassifyingModel()));
  const auto explained = [&](int64_t second) {
    EXPECT_EQ(rig.verdicts.back().judgement, Judgement::kAlarm);
    EXPECT_THAT(rig.verdicts.back().shares, SizeIs(2));
    EXPECT_EQ(rig.verdicts.back().explained_ns, kStart + second * kSecond);
  };
  for (int i = 0; i < 3; ++i) rig.Row(i, 1, -5);
  rig.Row(3, 1, 5);
  explained(3);
  rig.clock.now_ns += kSecond;
  rig.Row(4, 1, 5);
  explained(3);  // goes on
  rig.Row(5, 1, -5);
  EXPECT_THAT(rig.verdicts.back().shares, IsEmpty());
  rig.Row(6, 1, 5);
  explained(6);  // another one
  rig.clock.now_ns += 10 * kSecond;
  rig.Row(7, 1, 5);
  explained(7);  // once in ten seconds
}

/// Says the class that the last row's first channel is, and puts it down to the channel before.
class SpokenClass : public Predictor {
 public:
  absl::Status Predict(std::span<const float> inputs, std::span<float> outputs) override {
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputs[i] = inputs[6 * (i / 3) + 4] == static_cast<float>(i % 3) ? 5.F : 0.F;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float>, std::span<const float>,
                                        int64_t output) override {
    ++asked;
    const float first = output == 1 ? 1 : 0;
    return Attribution{{0, 0, 0, 0, first, 1 - first}, 0.004, 32};
  }
  int64_t width() const override { return 3; }

  int asked = 0;
};

TEST(EngineAlarmTest, AlarmThatTurnsIntoAnotherClassHasItsOwnSharesHoweverSoon) {
  EngineBench rig;
  Plan plan = PumpPlan();
  plan.model.kind = ModelKind::kMlp;
  plan.label.kind = LabelKind::kColumn;
  plan.label.classes = 3;
  auto spoken = std::make_unique<SpokenClass>();
  const SpokenClass* const model = spoken.get();
  MR_ASSERT_OK(rig.engine.Use(ModelOf(plan, std::move(spoken))));
  for (int i = 0; i < 3; ++i) rig.Row(i, 1, 0);
  for (int i = 3; i < 100; ++i) {  // within no time
    const int predicted = 1 + i % 2;
    rig.Row(i, 1, static_cast<float>(predicted));
    const MachineVerdict& verdict = rig.verdicts.back();
    ASSERT_EQ(verdict.judgement, Judgement::kAlarm);
    ASSERT_EQ(verdict.predicted, predicted);
    ASSERT_THAT(verdict.shares, SizeIs(2));
    EXPECT_EQ(verdict.shares[0].channel, predicted == 1 ? "speed" : "current");
  }
  EXPECT_EQ(model->asked, 2) << "each class once";
}

TEST(EngineAlarmTest, AlarmOfANewModelIsNotExplainedByTheOneBefore) {
  EngineBench rig;
  const auto use = [&](const std::string& parameters) {
    const auto model = ClassifyingModel();
    model->package.manifest.set_parameters_sha256(parameters);
    MR_ASSERT_OK(rig.engine.Use(model));
  };
  use("one");
  for (int i = 0; i < 4; ++i) rig.Row(i, 1, 5);
  EXPECT_EQ(rig.verdicts.back().explained_ns, kStart + 2 * kSecond);
  use("other");
  rig.Row(4, 1, 5);
  EXPECT_EQ(rig.verdicts.back().explained_ns, kStart + 4 * kSecond);
}

/// The value is the last row's first channel.
class LastValue : public Predictor {
 public:
  absl::Status Predict(std::span<const float> inputs, std::span<float> outputs) override {
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = inputs[6 * i + 4];
    return absl::OkStatus();
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float>, std::span<const float>,
                                        int64_t) override {
    return Attribution{{0, 0, 0, 0, 1, 0}, 0.004, 32};
  }
  int64_t width() const override { return 1; }
};

TEST(EngineAlarmTest, PredictedValueIsAnAlarmBelowWhatTheFileSaysBeItZero) {
  Plan plan = PumpPlan();
  plan.model.kind = ModelKind::kMlp;
  plan.label.kind = LabelKind::kColumn;
  MachineConfig config = Pumps({"pump-1"});
  const auto judged = [&](float value) {
    EngineBench rig(config);
    MR_EXPECT_OK(rig.engine.Use(ModelOf(plan, std::make_unique<LastValue>())));
    for (int i = 0; i < 3; ++i) rig.Row(i, 1, value);
    EXPECT_EQ(rig.verdicts.back().threshold, config.alarm_below);
    return rig.verdicts.back().judgement;
  };
  EXPECT_EQ(judged(-1), Judgement::kNormal) << "the file says nothing";
  config.alarm_below = 0;
  EXPECT_EQ(judged(-1), Judgement::kAlarm);
  EXPECT_EQ(judged(0), Judgement::kNormal);
  config.alarm_below = 5;
  EXPECT_EQ(judged(4), Judgement::kAlarm);
}

TEST(EngineAlarmTest, LatencyCountsFromTheArrivalOfTheNewestSample) {
  EngineBench rig;
  rig.UseEcho(0);
  rig.Row(0, 1, 2);
  rig.Row(1, 1, 2);
  SampleBatch batch;
  batch.arrived_ns = rig.clock.now_ns;
  for (int channel = 0; channel < 3; ++channel) {
    batch.samples.push_back({kStart + 2 * kSecond, channel, 1});
  }
  rig.clock.now_ns += 7'000'000;
  rig.engine.Process(batch);
  rig.engine.ScoreDue();
  ASSERT_THAT(rig.verdicts, SizeIs(1));
  EXPECT_EQ(rig.verdicts[0].latency_ns, 7'000'000);
}

TEST(EngineAlarmTest, SilentMachineIsSaidToBeSoOnce) {
  EngineBench rig({"pump-1", "pump-2"});
  rig.UseEcho(0);
  rig.Row(0, 1, 2);
  rig.clock.now_ns += 20 * kSecond;
  rig.Row(20, 1, 2, /*machine=*/1);
  rig.engine.Maintain();
  EXPECT_THAT(rig.verdicts, IsEmpty());
  rig.clock.now_ns += 11 * kSecond;
  rig.engine.Maintain();
  rig.engine.Maintain();
  ASSERT_THAT(rig.verdicts, SizeIs(1));
  EXPECT_EQ(rig.verdicts[0].machine, "pump-1");
  EXPECT_EQ(rig.verdicts[0].reason, "silence: no row for 31 s");
  EXPECT_EQ(rig.verdicts[0].latency_ns, 31 * kSecond) << "its newest sample is no younger";
  rig.Row(1, 1, 2);
  rig.clock.now_ns += 30 * kSecond;
  rig.engine.Maintain();
  EXPECT_THAT(rig.verdicts, SizeIs(3));
}

TEST(EngineAlarmTest, DriftOfAChannelIsToldWithItsNumbers) {
  MachineConfig config = Pumps({"pump-1"});
  config.drift.emplace();
  config.drift->learn_s = 300;
  std::vector<ChannelDrift> drifts;
  ManualLiveClock clock;
  ScoringEngine engine(
      {config}, &clock, [](const MachineVerdict&) {},
      [&](const ChannelDrift& drift) { drifts.push_back(drift); });
  Random random(1);
  const auto seconds = [&](int from, int to, double shift) {
    for (int i = from; i < to; ++i) {
      SampleBatch batch;
      for (int channel = 0; channel < 3; ++channel) {
        const double value = random.Normal() + (channel == 1 ? shift : 0);
        batch.samples.push_back({kStart + i * kSecond, channel, static_cast<float>(value)});
      }
      engine.Process(batch);
    }
  };
  seconds(0, 1000, 0);
  for (const ChannelDrift& drift : drifts) EXPECT_EQ(drift.report.state, DriftState::kStable);
  drifts.clear();
  seconds(1000, 1600, 2);
  ASSERT_FALSE(drifts.empty());
  for (const ChannelDrift& drift : drifts) EXPECT_EQ(drift.channel, "current");
  EXPECT_EQ(drifts.back().report.state, DriftState::kConfirmed);
  EXPECT_NEAR(drifts.back().report.shift, 2, 1);
}

TEST(EngineAlarmTest, ThresholdIsLearntFromTheMachineAndSurvivesARestart) {
  MachineConfig config = Pumps({"pump-1"});
  config.threshold = 0;
  config.hop = 3;
  config.learning = {.rate = 0.05, .learn_windows = 200};
  config.channels[2].rules.max = 1e6;
  EngineBench rig(config);
  rig.UseEcho(0.1F);
  Random random(1);
  int second = 0;
  const auto windows = [&](EngineBench& of, int count) {
    for (int i = 0; i < 3 * count; ++i, ++second) {
      of.Row(second, 1, static_cast<float>(random.Uniform() * 1e5));
    }
  };
  windows(rig, 200);
  EXPECT_EQ(rig.verdicts.back().judgement, Judgement::kNotEvaluated);
  EXPECT_EQ(rig.verdicts.back().reason, "threshold: 200 of 200 windows seen");
  rig.engine.Maintain();
  windows(rig, 1);
  EXPECT_NE(rig.verdicts.back().judgement, Judgement::kNotEvaluated);
  ASSERT_TRUE(rig.verdicts.back().threshold.has_value());
  EXPECT_NEAR(*rig.verdicts.back().threshold, 0.1, 0.02);

  EngineBench again(config);
  again.UseEcho(0.1F);
  again.engine.RestoreThresholds(rig.engine.LearntThresholds());
  windows(again, 1);
  EXPECT_EQ(again.verdicts.back().threshold, rig.verdicts.back().threshold);

  EngineBench daily(config);  // a computer that is off at night, a third of that each day
  daily.UseEcho(0.1F);
  windows(daily, 70);
  daily.engine.Maintain();
  EngineBench next_day(config);
  next_day.UseEcho(0.1F);
  next_day.engine.RestoreThresholds(daily.engine.LearntThresholds());
  windows(next_day, 70);
  EXPECT_EQ(next_day.verdicts.back().reason, "threshold: 140 of 200 windows seen");
}

}  // namespace
}  // namespace millrace
