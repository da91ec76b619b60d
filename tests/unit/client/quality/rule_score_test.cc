// SPDX-License-Identifier: Apache-2.0
// What each rule finds of faults whose places are known, and what it says where there are none.
#include <gmock/gmock.h>

#include "tests/testing/faulty_signal.h"

namespace millrace {
namespace {

using testing::RuleScore;
using testing::ScoreRule;

class RuleScoreTest : public ::testing::TestWithParam<Rule> {};

// Faults begin at what can barely be seen, so that recall is below 1 by design.
TEST_P(RuleScoreTest, FindsItsFaultsAndLittleElse) {
  const RuleScore score = ScoreRule(GetParam(), 20, 100);
  EXPECT_GE(score.faults, 20);
  EXPECT_GE(score.recall(), 0.93) << score.found << " of " << score.faults;
  EXPECT_GE(score.precision(), 0.99) << score.spoken_right << " of " << score.spoken;
}

INSTANTIATE_TEST_SUITE_P(EveryRule, RuleScoreTest,
                         ::testing::Values(Rule::kMissing, Rule::kNotFinite, Rule::kRange,
                                           Rule::kSpan, Rule::kStuck, Rule::kRateOfChange,
                                           Rule::kSpike, Rule::kNoiseLow, Rule::kNoiseHigh,
                                           Rule::kReference),
                         [](const auto& instance) { return std::string(NameOf(instance.param)); });

TEST(RuleScore, NormalSignalIsHardlyEverFlagged) {
  int64_t values = 0;
  int64_t flagged = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto signal = testing::MakeFaultySignal(Rule::kNone, seed);
    for (const Verdict verdict : testing::JudgeSignal(
             testing::SignalRules(), testing::kSignalPeriod, signal.values, signal.reference)) {
      ++values;
      flagged += verdict.flag != Flag::kPass ? 1 : 0;
    }
  }
  // Six deviations: 2e-9 a value and rule.
  EXPECT_LE(flagged, 1) << "of " << values;
}

}  // namespace
}  // namespace millrace
