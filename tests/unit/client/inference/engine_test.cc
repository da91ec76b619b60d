// SPDX-License-Identifier: Apache-2.0
#include "client/inference/engine.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/testing/status_matchers.h"
#include "tests/unit/client/inference/engine_bench.h"

namespace millrace {
namespace {

using testing::Echo;
using ::testing::ElementsAre;
using testing::EngineBench;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;
using testing::kMissing;
using testing::kSecond;
using testing::kStart;
using testing::ModelOf;
using testing::PumpPlan;
using testing::Pumps;
using ::testing::SizeIs;

TEST(EngineTest, JudgesAWindowAsSoonAsItsLastRowIsThere) {
  EngineBench rig;
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

TEST(EngineTest, SpikeIsKnownBeforeItsWindowIsJudged) {
  MachineConfig config = Pumps({"pump-1"});
  config.channels[1].rules.spike_fail = 8;
  EngineBench rig(config);
  rig.UseEcho(0.3F);
  for (int i = 0; i < 3; ++i) rig.Row(i, 10, 20);
  EXPECT_THAT(rig.verdicts, IsEmpty()) << "the last value may still be a spike";
  rig.Row(3, 70, 20);
  ASSERT_THAT(rig.verdicts, SizeIs(1));
  EXPECT_EQ(rig.verdicts[0].time_ns, kStart + 2 * kSecond);
  EXPECT_EQ(rig.verdicts[0].judgement, Judgement::kNormal);
  for (int i = 4; i < 8; ++i) rig.Row(i, 10, 20);
  ASSERT_THAT(rig.verdicts, SizeIs(5));
  for (int i = 1; i < 4; ++i) {
    EXPECT_EQ(rig.verdicts[i].judgement, Judgement::kNotEvaluated);
    EXPECT_THAT(rig.verdicts[i].reason, HasSubstr("current (fail: spike)"));
  }
  EXPECT_EQ(rig.verdicts[4].judgement, Judgement::kNormal);
  EXPECT_EQ(rig.verdicts[4].time_ns, kStart + 6 * kSecond);
}

TEST(EngineTest, TellsWhatBecameOfSamplesAndWindowsOnceItIsMaintained) {
  EngineBench rig({"pump-1", "pump-2"});
  rig.UseEcho(0.3F);
  for (int i = 0; i < 4; ++i) {
    rig.Row(i, 10, i == 3 ? kMissing : 20);
    rig.Row(i, 10, 20, /*machine=*/1);
  }
  rig.Row(0, 10, 20);
  rig.Row(1000, 10, 20, /*machine=*/1);
  EXPECT_EQ(rig.engine.tally().engine.windows, 0);
  rig.engine.Maintain();
  const ScoringTally tally = rig.engine.tally();
  EXPECT_EQ(tally.engine.windows, 3);
  EXPECT_EQ(tally.engine.unusable, 1);
  EXPECT_EQ(tally.rows.late, 3);
  EXPECT_EQ(tally.rows.early, 3);
}

TEST(EngineTest, SpikeRuleOfAChannelThatTheModelDoesNotUseDelaysNothing) {
  MachineConfig config = Pumps({"pump-1"});
  config.channels[0].rules.spike_fail = 8;
  EngineBench rig(config);
  rig.UseEcho(0.3F);
  for (int i = 0; i < 3; ++i) rig.Row(i, 10, 20);
  EXPECT_THAT(rig.verdicts, SizeIs(1));
}

TEST(EngineTest, AlarmNamesTheChannelThatMadeIt) {
  EngineBench rig;
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
  EngineBench rig;
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
  EXPECT_FALSE(rig.verdicts[2].unusable) << "its data are not to blame";
}

TEST(EngineTest, ScalesAsTrainingDoes) {
  EngineBench rig;
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
  EngineBench rig(config);
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
  EngineBench rig({"pump-1", "pump-2", "pump-3"});
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
  EngineBench rig;
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
  EngineBench rig;
  Echo* const echo = rig.UseEcho(5);
  rig.Row(0, 1, 2);
  rig.Row(1, kMissing, 2);
  for (int i = 2; i < 6; ++i) rig.Row(i, 1, 2);
  ASSERT_THAT(rig.verdicts, SizeIs(4));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(rig.verdicts[i].judgement, Judgement::kNotEvaluated);
    EXPECT_EQ(rig.verdicts[i].reason, "data: current (missing)");
    EXPECT_TRUE(rig.verdicts[i].unusable);
    EXPECT_EQ(rig.verdicts[i].quality, Flag::kMissing);
    EXPECT_NEAR(rig.verdicts[i].flagged[0].share, 1.0 / 3, 1e-9);
    EXPECT_TRUE(std::isnan(rig.verdicts[i].score));
  }
  EXPECT_EQ(rig.verdicts[2].judgement, Judgement::kAlarm);
  EXPECT_EQ(rig.engine.counts().unusable, 2);
  EXPECT_THAT(echo->batches, ElementsAre(1, 1));
}

TEST(EngineTest, ValueOutOfRangeRaisesNoAlarm) {
  EngineBench rig;
  rig.UseEcho(5);
  rig.Row(0, 1, 2);
  rig.Row(1, 2000, 2);
  rig.Row(2, 1, 2);
  ASSERT_THAT(rig.verdicts, SizeIs(1));
  EXPECT_EQ(rig.verdicts[0].reason, "data: current (fail: range)");
}

TEST(EngineTest, ChannelThatTheModelDoesNotUseMayBeMissing) {
  EngineBench rig;
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
  EngineBench rig;
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

TEST(EngineTest, NoWindowIsLostWhereAModelSaysAModesUnitThatTheOneBeforeLeftUnsaid) {
  EngineBench rig;
  Plan plan = PumpPlan();
  plan.input.modes = {{.column = "unused", .step = 1, .min = 0, .max = 1}};
  MR_ASSERT_OK(rig.engine.Use(ModelOf(plan, std::make_unique<Echo>(3, 0.1F), 1)));
  for (int i = 0; i < 5; ++i) rig.Row(i, 1, 2);
  plan.input.modes[0].unit = "rpm";
  MR_ASSERT_OK(rig.engine.Use(ModelOf(plan, std::make_unique<Echo>(3, 0.1F), 2)));
  for (int i = 5; i < 8; ++i) rig.Row(i, 1, 2);
  EXPECT_THAT(rig.verdicts, SizeIs(6));
  plan.input.modes[0].unit = "1/s";
  MR_ASSERT_OK(rig.engine.Use(ModelOf(plan, std::make_unique<Echo>(3, 0.1F), 3)));
  for (int i = 8; i < 11; ++i) rig.Row(i, 1, 2);
  EXPECT_THAT(rig.verdicts, SizeIs(7)) << "its numbers mean something else";
}

TEST(EngineTest, ModelWithAnotherInputStartsWithAnEmptyWindow) {
  EngineBench rig;
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
  EngineBench rig;
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
  EngineBench rig(config);
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
  EngineBench rig;
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
  EngineBench rig;
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

}  // namespace
}  // namespace millrace
