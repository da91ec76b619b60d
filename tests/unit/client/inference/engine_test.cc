// SPDX-License-Identifier: Apache-2.0
#include "client/inference/engine.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'700'000'000 * kSecond;

class ManualClock : public LiveClock {
 public:
  int64_t UnixNs() override { return kStart + now_ns; }
  int64_t MonotonicNs() override { return now_ns; }
  int64_t now_ns = kSecond;
};

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

MachineConfig Pumps(std::vector<std::string> names) {
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

Plan PumpPlan() {
  Plan plan;
  plan.run.name = "pumps";
  plan.model.kind = ModelKind::kAutoencoder;
  plan.input.channels = {"speed", "current"};
  plan.input.window = 3;
  plan.input.normalization = Normalization::kNone;
  return plan;
}

std::shared_ptr<InstalledModel> ModelOf(const Plan& plan, std::unique_ptr<Predictor> predictor,
                                        int64_t version = 1) {
  auto model = std::make_shared<InstalledModel>();
  model->package.plan = plan;
  model->package.manifest.set_name(plan.run.name);
  model->package.manifest.set_version(version);
  model->predictor = std::move(predictor);
  return model;
}

struct Rig {
  explicit Rig(std::vector<std::string> names = {"pump-1"}) : Rig(Pumps(std::move(names))) {}
  explicit Rig(const MachineConfig& config)
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

  ManualClock clock;
  std::vector<MachineVerdict> verdicts;
  ScoringEngine engine;
};

TEST(EngineTest, JudgesAWindowAsSoonAsItsLastRowIsThere) {
  Rig rig;
  Echo* const echo = rig.UseEcho(0.3F);
  rig.Row(0, 10, 20);
  rig.Row(1, 11, 21);
  EXPECT_THAT(rig.verdicts, IsEmpty());
  rig.Row(2, 12, 22);
  ASSERT_THAT(rig.verdicts, SizeIs(1));
  EXPECT_THAT(echo->seen, ElementsAre(20, 10, 21, 11, 22, 12));  // in the plan's order
  EXPECT_EQ(rig.verdicts[0].machine, "pump-1");
  EXPECT_EQ(rig.verdicts[0].judgement, Judgement::kNormal);
  EXPECT_NEAR(rig.verdicts[0].score, 0.2, 1e-5);
  EXPECT_EQ(rig.verdicts[0].time_ns, kStart + 2 * kSecond);
  EXPECT_EQ(rig.verdicts[0].version, 1);
  rig.Row(3, 13, 23);
  EXPECT_THAT(rig.verdicts, SizeIs(2));
}

TEST(EngineTest, AlarmNamesTheChannelThatMadeIt) {
  Rig rig;
  rig.UseEcho(2.9F);
  for (int i = 0; i < 3; ++i) rig.Row(i, 1, 2);
  ASSERT_THAT(rig.verdicts, SizeIs(1));
  EXPECT_EQ(rig.verdicts[0].judgement, Judgement::kAlarm);
  EXPECT_EQ(rig.verdicts[0].threshold, 1);
  ASSERT_THAT(rig.verdicts[0].shares, SizeIs(2));
  EXPECT_EQ(rig.verdicts[0].shares[0].channel, "speed");
  EXPECT_NEAR(rig.verdicts[0].shares[0].share, 2.9 / 3, 1e-5);
  EXPECT_EQ(rig.engine.counts().alarms, 1);
}

TEST(EngineTest, ExpiredModelMarksItsVerdictsAndGivesNoneOnceItIsWithheld) {
  Rig rig;
  const std::shared_ptr<InstalledModel> model =
      ModelOf(PumpPlan(), std::make_unique<Echo>(3, 0.3F));
  model->digest.bytes[0] = 7;
  MR_ASSERT_OK(rig.engine.Use(model));
  for (int i = 0; i < 3; ++i) rig.Row(i, 1, 2);
  ASSERT_THAT(rig.verdicts, SizeIs(1));
  EXPECT_EQ(rig.verdicts[0].digest, model->digest);
  EXPECT_FALSE(rig.verdicts[0].expired);
  model->expired = true;
  rig.Row(3, 1, 2);
  ASSERT_THAT(rig.verdicts, SizeIs(2));
  EXPECT_TRUE(rig.verdicts[1].expired);
  EXPECT_EQ(rig.verdicts[1].judgement, Judgement::kNormal);
  model->withheld = true;
  rig.Row(4, 1, 2);
  ASSERT_THAT(rig.verdicts, SizeIs(3));
  EXPECT_EQ(rig.verdicts[2].judgement, Judgement::kNotEvaluated);
  EXPECT_THAT(rig.verdicts[2].reason, HasSubstr("expired"));
}

TEST(EngineTest, ScalesAsTrainingDoes) {
  Rig rig;
  auto echo = std::make_unique<Echo>(3, 0);
  Echo* const seen = echo.get();
  std::shared_ptr<InstalledModel> model = ModelOf(PumpPlan(), std::move(echo));
  Scaling scaling;
  scaling.channels = 2;
  scaling.overall = {-1, {20, 10}, {2, 5}, 1};
  model->package.scaling = scaling;
  MR_ASSERT_OK(rig.engine.Use(model));
  for (int i = 0; i < 3; ++i) rig.Row(i, 15, 24);
  EXPECT_THAT(seen->seen, ElementsAre(2, 1, 2, 1, 2, 1));
}

TEST(EngineTest, RowsAreScaledByTheirOperatingMode) {
  MachineConfig config = Pumps({"pump-1"});
  Rig rig(config);
  Plan plan = PumpPlan();
  plan.input.modes = {{.column = "unused", .step = 1, .min = 0, .max = 1}};
  auto echo = std::make_unique<Echo>(3, 0);
  Echo* const seen = echo.get();
  std::shared_ptr<InstalledModel> model = ModelOf(plan, std::move(echo));
  Scaling scaling;
  scaling.channels = 2;
  scaling.modes = {{0, {0, 0}, {1, 1}, 1}, {1, {100, 100}, {1, 1}, 1}};
  scaling.overall = {-1, {0, 0}, {1, 1}, 1};
  model->package.scaling = scaling;
  MR_ASSERT_OK(rig.engine.Use(model));
  for (int i = 0; i < 3; ++i) {
    SampleBatch batch;
    const int64_t time_ns = kStart + i * kSecond;
    batch.samples = {{time_ns, 0, i == 1 ? 1.F : 0.F}, {time_ns, 1, 5}, {time_ns, 2, 7}};
    rig.engine.Process(batch);
    rig.engine.ScoreDue();
  }
  EXPECT_THAT(seen->seen, ElementsAre(7, 5, -93, -95, 7, 5));
}

TEST(EngineTest, MachinesOfAKindAreScoredInOneBatch) {
  Rig rig({"pump-1", "pump-2", "pump-3"});
  Echo* const echo = rig.UseEcho(0);
  std::vector<SampleBatch> batches;
  for (int i = 0; i < 3; ++i) {
    for (int machine = 0; machine < 3; ++machine) {
      const int64_t time_ns = kStart + i * kSecond;
      batches.push_back({rig.clock.now_ns,
                         {{time_ns, 3 * machine, 0},
                          {time_ns, 3 * machine + 1, 1},
                          {time_ns, 3 * machine + 2, 1.F * machine}}});
    }
  }
  for (const SampleBatch& batch : batches) rig.engine.Process(batch);
  rig.engine.ScoreDue();
  EXPECT_THAT(echo->batches, ElementsAre(3));
  ASSERT_THAT(rig.verdicts, SizeIs(3));
  EXPECT_EQ(rig.verdicts[2].machine, "pump-3");
}

TEST(EngineTest, LongBacklogIsScoredInBatchesOfBoundedSize) {
  Rig rig;
  Echo* const echo = rig.UseEcho(0);
  SampleBatch batch;
  for (int i = 0; i < 200; ++i) {
    for (int channel = 0; channel < 3; ++channel) {
      batch.samples.push_back({kStart + i * kSecond, channel, 1});
    }
  }
  rig.engine.Process(batch);
  rig.engine.ScoreDue();
  EXPECT_THAT(echo->batches, ElementsAre(64, 64, 64, 6));
  EXPECT_THAT(rig.verdicts, SizeIs(198));
  for (int i = 0; i < 198; ++i) {
    EXPECT_EQ(rig.verdicts[i].time_ns, kStart + (i + 2) * kSecond);
  }
}

TEST(EngineTest, WindowWithAMissingChannelIsNotEvaluatedAndSaysWhich) {
  Rig rig;
  Echo* const echo = rig.UseEcho(5);
  rig.Row(0, 1, 2);
  rig.Row(1, kMissing, 2);
  for (int i = 2; i < 6; ++i) rig.Row(i, 1, 2);
  ASSERT_THAT(rig.verdicts, SizeIs(4));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(rig.verdicts[i].judgement, Judgement::kNotEvaluated);
    EXPECT_EQ(rig.verdicts[i].reason, "data: current (missing)");
    EXPECT_EQ(rig.verdicts[i].quality, Flag::kMissing);
    EXPECT_NEAR(rig.verdicts[i].flagged[0].share, 1.0 / 3, 1e-9);
    EXPECT_TRUE(std::isnan(rig.verdicts[i].score));
  }
  EXPECT_EQ(rig.verdicts[2].judgement, Judgement::kAlarm);
  EXPECT_EQ(rig.engine.counts().unusable, 2);
  EXPECT_THAT(echo->batches, ElementsAre(1, 1));
}

TEST(EngineTest, ValueOutOfRangeRaisesNoAlarm) {
  Rig rig;
  rig.UseEcho(5);
  rig.Row(0, 1, 2);
  rig.Row(1, 2000, 2);
  rig.Row(2, 1, 2);
  ASSERT_THAT(rig.verdicts, SizeIs(1));
  EXPECT_EQ(rig.verdicts[0].reason, "data: current (fail: range)");
}

TEST(EngineTest, ChannelThatTheModelDoesNotUseMayBeMissing) {
  Rig rig;
  rig.UseEcho(0);
  for (int i = 0; i < 8; ++i) {
    SampleBatch batch;
    const int64_t time_ns = kStart + i * kSecond;
    batch.samples = {{time_ns, 1, 1}, {time_ns, 2, 1}};
    rig.engine.Process(batch);
    rig.engine.ScoreDue();
  }
  ASSERT_FALSE(rig.verdicts.empty());
  EXPECT_EQ(rig.verdicts[0].judgement, Judgement::kNormal);
}

TEST(EngineTest, NoWindowIsLostWhenTheModelIsSwapped) {
  Rig rig;
  rig.UseEcho(0.1F, 1);
  for (int i = 0; i < 5; ++i) rig.Row(i, 1, 2);
  rig.UseEcho(5, 2);
  for (int i = 5; i < 8; ++i) rig.Row(i, 1, 2);
  ASSERT_THAT(rig.verdicts, SizeIs(6));
  EXPECT_EQ(rig.verdicts[2].version, 1);
  EXPECT_EQ(rig.verdicts[2].judgement, Judgement::kNormal);
  EXPECT_EQ(rig.verdicts[3].version, 2);
  EXPECT_EQ(rig.verdicts[3].judgement, Judgement::kAlarm);
}

TEST(EngineTest, ModelWithAnotherInputStartsWithAnEmptyWindow) {
  Rig rig;
  rig.UseEcho(0);
  for (int i = 0; i < 4; ++i) rig.Row(i, 1, 2);
  Plan longer = PumpPlan();
  longer.input.window = 5;
  MR_ASSERT_OK(rig.engine.Use(ModelOf(longer, std::make_unique<Echo>(5, 0.F), 2)));
  for (int i = 4; i < 9; ++i) rig.Row(i, 1, 2);
  ASSERT_THAT(rig.verdicts, SizeIs(3));
  EXPECT_EQ(rig.verdicts[2].time_ns, kStart + 8 * kSecond);
  EXPECT_EQ(rig.verdicts[2].version, 2);
}

TEST(EngineTest, VerdictsOfAMachineComeInTheOrderOfTheirWindows) {
  Rig rig;
  rig.UseEcho(0);
  SampleBatch batch;
  for (int i = 0; i < 5; ++i) {
    for (int channel = 0; channel < 3; ++channel) {
      batch.samples.push_back({kStart + i * kSecond, channel, i == 4 ? kMissing : 1.F});
    }
  }
  rig.engine.Process(batch);
  rig.engine.ScoreDue();
  ASSERT_THAT(rig.verdicts, SizeIs(3));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rig.verdicts[i].time_ns, kStart + (i + 2) * kSecond);
}

TEST(EngineTest, AbsurdDataAreNotTheModelsFault) {
  MachineConfig config = Pumps({"pump-1"});
  config.channels[2].rules.max = 1e38;
  Rig rig(config);
  auto echo = std::make_unique<Echo>(3, kMissing);
  const std::shared_ptr<InstalledModel> model = ModelOf(PumpPlan(), std::move(echo));
  MR_ASSERT_OK(rig.engine.Use(model));
  for (int i = 0; i < 3; ++i) rig.Row(i, 1, 3e37F);
  EXPECT_EQ(rig.engine.counts().not_finite, 1);
  EXPECT_EQ(model->faults, 0);
  for (int i = 3; i < 6; ++i) rig.Row(i, 1, 1);
  EXPECT_EQ(model->faults, 1);
}

TEST(EngineTest, ModelThatNeedsWhatTheMachinesLackIsRefused) {
  Rig rig;
  Plan plan = PumpPlan();
  plan.input.channels[1] = "torque";
  EXPECT_THAT(rig.engine.Use(ModelOf(plan, std::make_unique<Echo>(3, 0.F))),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("'torque'")));
  plan = PumpPlan();
  plan.run.name = "presses";
  EXPECT_THAT(rig.engine.Use(ModelOf(plan, std::make_unique<Echo>(3, 0.F))),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("presses")));
}

TEST(EngineTest, ModelThatFailsOrGivesNoNumberEvaluatesNothing) {
  Rig rig;
  rig.UseEcho(kMissing);
  for (int i = 0; i < 3; ++i) rig.Row(i, 1, 2);
  Echo* const echo = rig.UseEcho(0);
  echo->fails = true;
  rig.Row(3, 1, 2);
  ASSERT_THAT(rig.verdicts, SizeIs(2));
  EXPECT_EQ(rig.verdicts[0].reason, "model: its score is no number");
  EXPECT_EQ(rig.verdicts[1].reason, "model: no memory");
  EXPECT_EQ(rig.verdicts[1].judgement, Judgement::kNotEvaluated);
  EXPECT_EQ(rig.engine.counts().not_finite, 1);
  EXPECT_EQ(rig.engine.counts().model_errors, 1);
}

TEST(EngineTest, ClassOtherThanTheNormalOneIsAnAlarmWithAttributions) {
  Rig rig;
  Plan plan = PumpPlan();
  plan.model.kind = ModelKind::kMlp;
  plan.label.kind = LabelKind::kColumn;
  plan.label.classes = 3;
  MR_ASSERT_OK(rig.engine.Use(ModelOf(plan, std::make_unique<FakeClassifier>())));
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

TEST(EngineTest, EveryAlarmIsExplainedByAWindowOfItsOwnEpisode) {
  Rig rig;
  Plan plan = PumpPlan();
  plan.model.kind = ModelKind::kMlp;
  plan.label.kind = LabelKind::kColumn;
  plan.label.classes = 3;
  MR_ASSERT_OK(rig.engine.Use(ModelOf(plan, std::make_unique<FakeClassifier>())));
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

TEST(EngineTest, AlarmOfANewModelIsNotExplainedByTheOneBefore) {
  Rig rig;
  Plan plan = PumpPlan();
  plan.model.kind = ModelKind::kMlp;
  plan.label.kind = LabelKind::kColumn;
  plan.label.classes = 3;
  const auto use = [&](const std::string& parameters) {
    const auto model = ModelOf(plan, std::make_unique<FakeClassifier>());
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

TEST(EngineTest, LatencyCountsFromTheArrivalOfTheNewestSample) {
  Rig rig;
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

TEST(EngineTest, SilentMachineIsSaidToBeSoOnce) {
  Rig rig({"pump-1", "pump-2"});
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

TEST(EngineTest, DriftOfAChannelIsToldWithItsNumbers) {
  MachineConfig config = Pumps({"pump-1"});
  config.drift.emplace();
  config.drift->learn_s = 300;
  std::vector<ChannelDrift> drifts;
  ManualClock clock;
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

TEST(EngineTest, ThresholdIsLearntFromTheMachineAndSurvivesARestart) {
  MachineConfig config = Pumps({"pump-1"});
  config.threshold = 0;
  config.hop = 3;
  config.learning = {.rate = 0.05, .learn_windows = 200};
  config.channels[2].rules.max = 1e6;
  Rig rig(config);
  rig.UseEcho(0.1F);
  Random random(1);
  int second = 0;
  const auto windows = [&](Rig& of, int count) {
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

  Rig again(config);
  again.UseEcho(0.1F);
  again.engine.RestoreThresholds(rig.engine.LearntThresholds());
  windows(again, 1);
  EXPECT_EQ(again.verdicts.back().threshold, rig.verdicts.back().threshold);
}

}  // namespace
}  // namespace millrace
