// SPDX-License-Identifier: Apache-2.0
// Several models on the rows of one machine.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "client/inference/engine.h"
#include "tests/testing/constant_predictor.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/verdicts.h"
#include "tests/unit/client/inference/engine_bench.h"

namespace millrace {
namespace {

using testing::Echo;
using ::testing::HasSubstr;
using testing::kMissing;
using testing::kSecond;
using testing::kStart;
using testing::ModelOf;
using testing::PumpPlan;
using testing::Pumps;
using ::testing::SizeIs;

/// "-life" of machines as Pumps gives them, every second row.
MachineConfig LivesOf(const std::vector<std::string>& pumps) {
  MachineConfig lives = Pumps({});
  for (const std::string& pump : pumps) {
    lives.names.push_back(pump + "-life");
    lives.channels_of.push_back(pump);
  }
  lives.model = "lives";
  lives.hop = 2;
  lives.threshold = 0;
  lives.alarm_below = 8;
  return lives;
}

Plan LifePlan() {
  Plan plan = PumpPlan();
  plan.run.name = "lives";
  plan.model.kind = ModelKind::kGru;
  plan.input.channels = {"unused"};
  plan.input.window = 5;
  plan.label = {.kind = LabelKind::kRunToFailure, .column = "", .classes = 0, .cap = 100};
  return plan;
}

/// Says the sum of what it sees.
class SumOfWindow : public Predictor {
 public:
  absl::Status Predict(std::span<const float> inputs, std::span<float> outputs) override {
    const size_t window = inputs.size() / outputs.size();
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputs[i] = 0;
      for (const float x : inputs.subspan(i * window, window)) outputs[i] += x;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float> input, std::span<const float>,
                                        int64_t) override {
    return Attribution{std::vector<float>(input.size(), 1), 0.001, 32};
  }
  int64_t width() const override { return 1; }
};

std::string TextOf(const MachineVerdict& verdict) {
  return absl::StrCat(verdict.machine, " ", verdict.time_ns - kStart, " ", verdict.window_ns, " ",
                      static_cast<int>(verdict.judgement), " ", verdict.model, " ", verdict.score,
                      " ", verdict.reason, " ", verdict.latency_ns, " ", verdict.shares.size());
}

/// An engine for these machines, and what it says.
struct SharedRows {
  explicit SharedRows(std::vector<MachineConfig> machines)
      : engine(
            std::move(machines), &clock, [this](const MachineVerdict& v) { verdicts.push_back(v); },
            [this](const ChannelDrift& d) { drifts.push_back(d); },
            [this](const MachineRow& row) { rows.push_back(row.machine); }) {}

  void UseBoth() {
    MR_ASSERT_OK(engine.Use(ModelOf(PumpPlan(), std::make_unique<Echo>(3, 0.3F))));
    MR_ASSERT_OK(engine.Use(ModelOf(LifePlan(), std::make_unique<SumOfWindow>(), 7)));
  }
  void UseWhatIsJudged(const std::string& model) {
    if (model == "pumps") {
      MR_ASSERT_OK(engine.Use(ModelOf(PumpPlan(), std::make_unique<Echo>(3, 0.3F))));
    } else {
      MR_ASSERT_OK(engine.Use(ModelOf(LifePlan(), std::make_unique<SumOfWindow>(), 7)));
    }
  }
  /// A row of the machine whose channels are the first, second or so of the stream.
  void Row(int64_t second, float unused, float current, int machine = 0) {
    SampleBatch batch;
    batch.arrived_ns = clock.now_ns;
    const int64_t time_ns = kStart + second * kSecond;
    batch.samples = {{time_ns, 3 * machine, unused},
                     {time_ns, 3 * machine + 1, current},
                     {time_ns, 3 * machine + 2, 20}};
    engine.Process(batch);
    engine.ScoreDue();
  }
  /// Rows of chance with gaps, bad values and a source that starts anew.
  void Feed(int machine = 0) {
    Random random(1);
    for (int second = 0; second < 300; ++second) {
      clock.now_ns += kSecond;
      const auto unused = static_cast<float>(4 * random.Uniform());
      const auto current = static_cast<float>(10 + random.Normal());
      if (second % 50 == 20) continue;
      Row(second < 200 ? second : second + 10'000, second % 37 == 5 ? kMissing : unused,
          second % 41 == 7 ? 5000 : current, machine);
    }
  }
  std::vector<std::string> Of(const std::string& machine) const {
    std::vector<std::string> texts;
    for (const MachineVerdict& verdict : verdicts) {
      if (verdict.machine == machine) texts.push_back(TextOf(verdict));
    }
    return texts;
  }

  testing::ManualLiveClock clock;
  std::vector<MachineVerdict> verdicts;
  std::vector<ChannelDrift> drifts;
  std::vector<size_t> rows;
  ScoringEngine engine;
};

TEST(EngineChannelsOfTest, EachModelSaysWhatItWouldSayAlone) {
  for (const double spike : {ChannelRules::kNone, 50.0}) {
    std::vector<MachineConfig> both = {Pumps({"pump-1", "pump-2"}), LivesOf({"pump-2"})};
    for (MachineConfig& kind : both) kind.channels[1].rules.spike = spike;
    SharedRows shared(both);
    shared.UseBoth();
    shared.Feed(/*machine=*/1);

    SharedRows pump({both[0]});
    pump.UseWhatIsJudged("pumps");
    pump.Feed(/*machine=*/1);
    EXPECT_EQ(shared.Of("pump-2"), pump.Of("pump-2"));

    MachineConfig alone = both[1];
    alone.channels_of.clear();
    SharedRows life({alone});
    life.UseWhatIsJudged("lives");
    life.Feed();
    EXPECT_EQ(shared.Of("pump-2-life"), life.Of("pump-2-life"));
    EXPECT_GT(shared.Of("pump-2").size(), 200);
    EXPECT_GT(shared.Of("pump-2-life").size(), 80) << "it has windows of its own";
  }
}

TEST(EngineChannelsOfTest, RowsAreMadeAndToldOnce) {
  // The machines' order is the file's, whoever has channels.
  SharedRows shared({LivesOf({"pump-1"}), Pumps({"pump-1"})});
  shared.UseBoth();
  for (int second = 0; second < 10; ++second) shared.Row(second, 1, 10);
  EXPECT_THAT(shared.rows, SizeIs(10));
  EXPECT_THAT(shared.rows, ::testing::Each(1));
  shared.Row(3, 1, 10);
  shared.engine.Maintain();
  EXPECT_EQ(shared.engine.tally().engine.samples, 33);
  EXPECT_EQ(shared.engine.tally().rows.late, 3);
}

TEST(EngineChannelsOfTest, AlarmIsOfTheModelThatGivesIt) {
  SharedRows shared({Pumps({"pump-1"}), LivesOf({"pump-1"})});
  shared.UseBoth();
  for (int second = 0; second < 5; ++second) shared.Row(second, 1, 10);
  ASSERT_THAT(shared.verdicts, SizeIs(4));
  const MachineVerdict& life = shared.verdicts.back();
  EXPECT_EQ(life.machine, "pump-1-life");
  EXPECT_EQ(life.judgement, Judgement::kAlarm);
  EXPECT_EQ(life.score, 5);
  EXPECT_EQ(life.threshold, 8);
  EXPECT_EQ(life.model, "lives");
  EXPECT_EQ(life.version, 7);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(shared.verdicts[i].judgement, Judgement::kNormal);
}

TEST(EngineChannelsOfTest, MachineOfWhichDataAreOnlyKeptIsJudgedAllTheSame) {
  MachineConfig kept = Pumps({"pump-1"});
  kept.model.clear();
  SharedRows shared({kept, LivesOf({"pump-1"})});
  shared.UseWhatIsJudged("lives");
  for (int second = 0; second < 5; ++second) shared.Row(second, 1, 10);
  EXPECT_THAT(shared.Of("pump-1"), SizeIs(0));
  EXPECT_THAT(shared.Of("pump-1-life"), SizeIs(1));
}

TEST(EngineChannelsOfTest, SilenceAndItsEndAreToldOfBoth) {
  SharedRows shared({Pumps({"pump-1"}), LivesOf({"pump-1"})});
  shared.UseBoth();
  for (int silence = 0; silence < 2; ++silence) {
    shared.clock.now_ns += 31 * kSecond;
    shared.engine.Maintain();
    ASSERT_THAT(shared.verdicts, SizeIs(2));
    EXPECT_EQ(shared.verdicts[0].machine, "pump-1");
    EXPECT_EQ(shared.verdicts[1].machine, "pump-1-life");
    EXPECT_TRUE(shared.verdicts[1].silence);
    EXPECT_THAT(shared.verdicts[1].reason, HasSubstr("no row for 31 s"));
    shared.Row(silence, 1, 10);
    shared.verdicts.clear();
  }
}

TEST(EngineChannelsOfTest, DriftOfAChannelIsToldOnceAndOfAScoreByEachModel) {
  std::vector<MachineConfig> site = {Pumps({"pump-1"}), LivesOf({"pump-1"})};
  for (MachineConfig& kind : site) {
    kind.hop = 1;
    kind.drift.emplace().learn_s = 60;
  }
  SharedRows shared(site);
  shared.UseBoth();
  Random random(1);
  for (int second = 0; second < 200; ++second) {
    shared.Row(second, static_cast<float>(3 + random.Normal()),
               static_cast<float>(10 + random.Normal()));
  }
  shared.engine.Maintain();
  std::vector<std::string> learnt;
  for (const ChannelDrift& drift : shared.drifts) {
    if (drift.report.state != DriftState::kStable) continue;
    learnt.push_back(drift.machine + " " + drift.channel);
  }
  EXPECT_THAT(learnt, ::testing::AllOf(::testing::Contains("pump-1 current").Times(1),
                                       ::testing::Contains("pump-1 unused").Times(1),
                                       ::testing::Contains("pump-1-life (score)").Times(1),
                                       ::testing::Not(::testing::Contains("pump-1-life current"))));

  const ScoringEngine::LearntDrift noted = shared.engine.NotedDrift();
  ASSERT_THAT(noted, SizeIs(2));
  SharedRows again(site);
  again.UseBoth();
  again.engine.RestoreDrift(noted);
  for (int second = 0; second < 60; ++second) {
    again.Row(second, static_cast<float>(9 + random.Normal()), 10);
  }
  std::vector<std::string> suspected;
  for (const ChannelDrift& drift : again.drifts) {
    if (drift.report.state == DriftState::kSuspected) {
      suspected.push_back(drift.machine + " " + drift.channel);
    }
  }
  EXPECT_THAT(suspected, ::testing::IsSupersetOf({"pump-1 unused", "pump-1-life (score)"}))
      << "without learning again";
}

TEST(EngineChannelsOfTest, ThresholdsAreLearntAndKeptByTheNameOfEach) {
  const auto learning = [](MachineConfig kind) {
    kind.hop = 1;
    kind.threshold = 0;
    kind.learning = {.rate = 0.05, .learn_windows = 200};
    return kind;
  };
  MachineConfig slow = learning(Pumps({"pump-1-slow"}));
  slow.channels_of = {"pump-1"};
  slow.model = "slow";
  Plan plan = PumpPlan();
  plan.run.name = "slow";
  plan.input.window = 9;
  const std::vector<MachineConfig> site = {learning(Pumps({"pump-1"})), slow};
  const auto use_both = [&](ScoringEngine& engine) {
    MR_ASSERT_OK(
        engine.Use(ModelOf(PumpPlan(), std::make_unique<testing::ConstantPredictor>(0, 6))));
    MR_ASSERT_OK(engine.Use(ModelOf(plan, std::make_unique<testing::ConstantPredictor>(0, 18))));
  };
  SharedRows shared(site);
  use_both(shared.engine);
  Random random(1);
  for (int second = 0; second < 400; ++second) {
    shared.Row(second, 0, static_cast<float>(random.Uniform()));
  }
  shared.engine.Maintain();
  const auto learnt = shared.engine.LearntThresholds();
  ASSERT_THAT(learnt, SizeIs(2));
  EXPECT_NE(*learnt.at("pump-1").bytes, *learnt.at("pump-1-slow").bytes);

  SharedRows again(site);
  use_both(again.engine);
  again.engine.RestoreThresholds(learnt);
  for (int second = 0; second < 9; ++second) again.Row(second, 0, 0.5F);
  EXPECT_TRUE(again.verdicts.front().threshold.has_value());
  EXPECT_EQ(again.verdicts.back().machine, "pump-1-slow");
  EXPECT_TRUE(again.verdicts.back().threshold.has_value());
  EXPECT_NE(again.verdicts.back().threshold, again.verdicts.front().threshold);
}

TEST(EngineChannelsOfTest, ModelThatNeedsMoreIsRefusedByTheNameOfWhoHasTheChannels) {
  SharedRows shared({Pumps({"pump-1"}), LivesOf({"pump-1"})});
  Plan plan = LifePlan();
  plan.input.channels = {"torque"};
  EXPECT_THAT(shared.engine.Use(ModelOf(plan, std::make_unique<SumOfWindow>())),
              testing::IsStatus(absl::StatusCode::kInvalidArgument,
                                ::testing::AllOf(HasSubstr("'torque'"), HasSubstr("'pump-1' "))));
}

}  // namespace
}  // namespace millrace
