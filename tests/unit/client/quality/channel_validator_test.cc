// SPDX-License-Identifier: Apache-2.0
#include "client/quality/channel_validator.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "tests/testing/faulty_signal.h"

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::JudgeSignal;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr Verdict kPass = {Flag::kPass, Rule::kNone};
constexpr Verdict kUnknown = {Flag::kNotEvaluated, Rule::kNone};
constexpr Verdict kMissing = {Flag::kMissing, Rule::kMissing};

constexpr Verdict Suspect(Rule rule) { return {Flag::kSuspect, rule}; }
constexpr Verdict Fail(Rule rule) { return {Flag::kFail, rule}; }

TEST(ChannelValidator, WithoutRulesNothingIsEvaluatedButWhatIsNoNumber) {
  EXPECT_THAT(
      JudgeSignal({}, 1, {1, kNan, kInfinity, -kInfinity, 1e38F}),
      ElementsAre(kUnknown, kMissing, Fail(Rule::kNotFinite), Fail(Rule::kNotFinite), kUnknown));
}

TEST(ChannelValidator, LimitsThemselvesAreWithinTheRange) {
  ChannelRules rules;
  rules.min = 0;
  rules.max = 10;
  rules.suspect_min = 1;
  rules.suspect_max = 9;
  EXPECT_THAT(JudgeSignal(rules, 1, {-0.01F, 0, 0.99F, 1, 9, 9.01F, 10, 10.01F, 3e38F}),
              ElementsAre(Fail(Rule::kRange), Suspect(Rule::kSpan), Suspect(Rule::kSpan), kPass,
                          kPass, Suspect(Rule::kSpan), Suspect(Rule::kSpan), Fail(Rule::kRange),
                          Fail(Rule::kRange)));
}

ChannelRules Stuck() {
  ChannelRules rules;
  rules.stuck_tolerance = 0.5;
  rules.stuck_suspect_s = 2;
  rules.stuck_fail_s = 4;
  return rules;
}

TEST(ChannelValidator, StuckChannelIsSuspectAndThenFails) {
  EXPECT_THAT(JudgeSignal(Stuck(), 1, {7, 7, 7, 7, 7, 7}),
              ElementsAre(kPass, kPass, Suspect(Rule::kStuck), Suspect(Rule::kStuck),
                          Fail(Rule::kStuck), Fail(Rule::kStuck)));
}

TEST(ChannelValidator, StuckCountsInSecondsWhateverTheRate) {
  const auto verdicts = JudgeSignal(Stuck(), 0.001, std::vector<float>(4100, 7));
  EXPECT_EQ(verdicts[1999], kPass);
  EXPECT_EQ(verdicts[2000], Suspect(Rule::kStuck));
  EXPECT_EQ(verdicts[3999], Suspect(Rule::kStuck));
  EXPECT_EQ(verdicts[4000], Fail(Rule::kStuck));
}

TEST(ChannelValidator, ValuesWithinTheToleranceAreTheSame) {
  EXPECT_EQ(JudgeSignal(Stuck(), 1, {7, 7.5F, 7.25F}).back(), Suspect(Rule::kStuck));
  EXPECT_THAT(JudgeSignal(Stuck(), 1, {7, 7.4F, 7.8F, 8.2F, 8.6F}), Each(kPass))
      << "a slow ramp is not stuck: all of a run lie within the tolerance";
}

TEST(ChannelValidator, GapsDoNotCountAsStuckAndShortOnesDoNotHideIt) {
  EXPECT_THAT(JudgeSignal(Stuck(), 1, {7, kNan, 7, kNan, 7}),
              ElementsAre(kPass, kMissing, kPass, kMissing, Suspect(Rule::kStuck)));
  EXPECT_THAT(JudgeSignal(Stuck(), 1, {7, 7, kNan, kNan, kNan, 7}).back(), kPass)
      << "after a gap longer than the rule's time it begins anew";
}

ChannelRules Rate() {
  ChannelRules rules;
  rules.rate_of_change = 2;
  return rules;
}

TEST(ChannelValidator, RateIsPerSecond) {
  EXPECT_THAT(JudgeSignal(Rate(), 0.5, {0, 1, 2.01F, 1, 3}),
              ElementsAre(kUnknown, kPass, Suspect(Rule::kRateOfChange),
                          Suspect(Rule::kRateOfChange), Suspect(Rule::kRateOfChange)));
}

TEST(ChannelValidator, RateAcrossAGapIsTheMeanOne) {
  EXPECT_EQ(JudgeSignal(Rate(), 1, {0, kNan, kNan, 6}).back(), kPass);
  EXPECT_EQ(JudgeSignal(Rate(), 1, {0, kNan, kNan, 6.1F}).back(), Suspect(Rule::kRateOfChange));
}

TEST(ChannelValidator, FailedValueIsNoMeasureForTheNext) {
  ChannelRules rules = Rate();
  rules.max = 100;
  EXPECT_THAT(JudgeSignal(rules, 1, {1, 999, 2, kInfinity, 3}),
              ElementsAre(kPass, Fail(Rule::kRange), kPass, Fail(Rule::kNotFinite), kPass));
}

ChannelRules Spike() {
  ChannelRules rules;
  rules.spike = 2;
  rules.spike_fail = 5;
  return rules;
}

TEST(ChannelValidator, SpikeIsKnownOneValueLater) {
  ChannelValidator validator(Spike(), 1);
  EXPECT_EQ(validator.Push(0).value, kUnknown);
  EXPECT_EQ(validator.Push(3).value, kUnknown) << "its next neighbour is not there yet";
  const auto judged = validator.Push(0);
  EXPECT_EQ(judged.value, kUnknown);
  EXPECT_EQ(judged.before, Suspect(Rule::kSpike));
  EXPECT_EQ(validator.Push(0).before, kPass);
}

TEST(ChannelValidator, SpikeIsMeasuredAgainstTheMiddleOfItsNeighbours) {
  EXPECT_EQ(JudgeSignal(Spike(), 1, {0, 2, 0})[1], kPass) << "the limit itself is none";
  EXPECT_EQ(JudgeSignal(Spike(), 1, {0, 2.1F, 0})[1], Suspect(Rule::kSpike));
  EXPECT_EQ(JudgeSignal(Spike(), 1, {0, -5.1F, 0})[1], Fail(Rule::kSpike));
  EXPECT_EQ(JudgeSignal(Spike(), 1, {0, 3.4F, 2})[1], Suspect(Rule::kSpike)) << "2.4 above 1";
}

TEST(ChannelValidator, NeitherAStepNorTheNeighboursOfASpikeAreSpikes) {
  const auto step = JudgeSignal(Spike(), 1, {0, 0, 20, 20, 20});
  EXPECT_THAT(std::vector(step.begin() + 1, step.end() - 1), Each(kPass));
  EXPECT_THAT(JudgeSignal(Spike(), 1, {0, 0.1F, 50, 0.1F, 0}),
              ElementsAre(kUnknown, kPass, Fail(Rule::kSpike), kPass, kUnknown));
}

TEST(ChannelValidator, SpikeNeedsBothNeighbours) {
  EXPECT_THAT(JudgeSignal(Spike(), 1, {0, kNan, 9, 0, 0}),
              ElementsAre(kUnknown, kMissing, kUnknown, kPass, kUnknown));
  EXPECT_THAT(JudgeSignal(Spike(), 1, {0, 9, kNan, 0}),
              ElementsAre(kUnknown, kUnknown, kMissing, kUnknown));
}

TEST(ChannelValidator, WhatFollowsASpikeIsComparedWithWhatWasBeforeIt) {
  ChannelRules rules = Spike();
  rules.rate_of_change = 2;
  EXPECT_THAT(JudgeSignal(rules, 1, {0, 0, 9, 0.5F, 0}),
              ElementsAre(kUnknown, kPass, Fail(Rule::kSpike), kPass, kPass));
}

ChannelRules Noise() {
  ChannelRules rules;
  rules.noise_min = 0.5;
  rules.noise_max = 2;
  rules.noise_s = 100;
  return rules;
}

/// `count` values that alternate about 10 by `deviation`.
std::vector<float> Alternating(int count, float deviation) {
  std::vector<float> values;
  for (int i = 0; i < count; ++i) values.push_back(i % 2 == 0 ? 10 - deviation : 10 + deviation);
  return values;
}

TEST(ChannelValidator, NoiseIsBoundedOnBothSides) {
  EXPECT_EQ(JudgeSignal(Noise(), 1, Alternating(300, 1)).back(), kPass);
  EXPECT_EQ(JudgeSignal(Noise(), 1, Alternating(300, 0.49F)).back(), Suspect(Rule::kNoiseLow));
  EXPECT_EQ(JudgeSignal(Noise(), 1, Alternating(300, 2.02F)).back(), Suspect(Rule::kNoiseHigh));
}

TEST(ChannelValidator, NoiseIsNotEvaluatedBeforeItsTimeNorAfterALongGap) {
  std::vector<float> values = Alternating(101, 5);
  EXPECT_THAT(JudgeSignal(Noise(), 1, Alternating(100, 5)), Each(kUnknown));
  EXPECT_EQ(JudgeSignal(Noise(), 1, values).back(), Suspect(Rule::kNoiseHigh));
  values.insert(values.end(), 50, kNan);
  values.push_back(10);
  EXPECT_EQ(JudgeSignal(Noise(), 1, values).back(), Suspect(Rule::kNoiseHigh));
  values.insert(values.end(), 101, kNan);
  values.push_back(10);
  EXPECT_EQ(JudgeSignal(Noise(), 1, values).back(), kUnknown);
}

TEST(ChannelValidator, FailedValuesAndSpikesDoNotCountAsNoise) {
  ChannelRules rules = Noise();
  rules.max = 100;
  rules.spike = 20;
  std::vector<float> values = Alternating(300, 1);
  for (size_t i = 50; i < values.size(); i += 50) values[i] = i % 100 == 0 ? 1e30F : 90;
  const auto verdicts = JudgeSignal(rules, 1, values);
  for (size_t i = 101; i < values.size(); ++i) {
    if (values[i] < 20) {
      EXPECT_EQ(verdicts[i], kPass) << i;
    }
  }
}

ChannelRules Twin() {
  ChannelRules rules;
  rules.reference = "twin";
  rules.reference_difference = 1;
  rules.reference_offset = 0.5;
  rules.reference_s = 100;
  return rules;
}

TEST(ChannelValidator, MeanDifferenceToTheReferenceIsBounded) {
  const std::vector<float> reference(500, 20);
  EXPECT_EQ(JudgeSignal(Twin(), 1, std::vector<float>(500, 21.4F), reference).back(), kPass);
  EXPECT_EQ(JudgeSignal(Twin(), 1, std::vector<float>(500, 20.4F), reference).back(),
            Suspect(Rule::kReference));
  EXPECT_THAT(JudgeSignal(Twin(), 1, std::vector<float>(100, 25), reference), Each(kUnknown))
      << "not before its time";
}

TEST(ChannelValidator, WithoutAReferenceThereIsNothingToCompareWith) {
  std::vector<float> reference(200, 20);
  const std::vector<float> values(500, 25);
  EXPECT_EQ(JudgeSignal(Twin(), 1, values, {}).back(), kUnknown);
  auto verdicts = JudgeSignal(Twin(), 1, values, reference);
  EXPECT_EQ(verdicts[290], Suspect(Rule::kReference)) << "what was seen counts for its time";
  EXPECT_EQ(verdicts[310], kUnknown) << "and no longer";
  reference.insert(reference.end(), 50, kInfinity);
  reference.insert(reference.end(), 50, 25 - 1);
  EXPECT_EQ(JudgeSignal(Twin(), 1, values, reference)[299].flag, Flag::kSuspect);
}

TEST(ChannelValidator, WorstFlagCountsAndTheFirstRuleAmongEquals) {
  EXPECT_EQ(Worst(kPass, kUnknown), kUnknown);
  EXPECT_EQ(Worst(Suspect(Rule::kSpan), Suspect(Rule::kSpike)), Suspect(Rule::kSpan));
  EXPECT_EQ(Worst(Suspect(Rule::kSpan), Fail(Rule::kStuck)), Fail(Rule::kStuck));
  EXPECT_EQ(Worst(kMissing, Fail(Rule::kStuck)), kMissing);
}

TEST(ChannelValidator, AnySequenceIsJudgedAndForgottenInTime) {
  ChannelRules rules = testing::SignalRules();
  Random random(5);
  ChannelValidator validator(rules, testing::kSignalPeriod);
  const float absurd[] = {kNan, kInfinity, -kInfinity, 3.4e38F, -3.4e38F, 1e-45F, 0, 20, 80, -40};
  for (int i = 0; i < 100'000; ++i) {
    const auto judged = validator.Push(absurd[random.Below(10)], absurd[random.Below(10)]);
    EXPECT_LE(static_cast<int>(judged.value.flag), 9);
  }
  const auto normal = testing::MakeFaultySignal(Rule::kNone, 1);
  Verdict last;
  for (size_t i = 0; i < normal.values.size(); ++i) {
    last = validator.Push(normal.values[i], normal.reference[i]).value;
  }
  EXPECT_EQ(last, kPass) << "nothing of it is left";
}

}  // namespace
}  // namespace millrace
