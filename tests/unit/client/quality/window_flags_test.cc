// SPDX-License-Identifier: Apache-2.0
#include "client/quality/window_flags.h"

#include <gmock/gmock.h>

#include <deque>

#include "base/random.h"

namespace millrace {
namespace {

constexpr Verdict kGood = {Flag::kPass, Rule::kNone};

TEST(WindowFlags, EmptyWindowIsNotEvaluated) {
  EXPECT_EQ(WindowFlags().worst(), Verdict());
  EXPECT_EQ(WindowFlags().flagged_share(), 0);
}

TEST(WindowFlags, WorstFlagCountsWithItsMostFrequentRule) {
  WindowFlags window;
  for (int i = 0; i < 16; ++i) window.Add(kGood);
  EXPECT_EQ(window.worst(), kGood);
  window.Add({Flag::kSuspect, Rule::kSpan});
  window.Add({Flag::kFail, Rule::kRange});
  window.Add({Flag::kFail, Rule::kSpike});
  window.Add({Flag::kFail, Rule::kSpike});
  EXPECT_EQ(window.worst(), (Verdict{Flag::kFail, Rule::kSpike}));
  EXPECT_EQ(window.flagged_share(), 0.2);
}

TEST(WindowFlags, LaterVerdictReplacesTheFirst) {
  WindowFlags window;
  window.Add(kGood);
  window.Replace(kGood, {Flag::kSuspect, Rule::kSpike});
  EXPECT_EQ(window.worst(), (Verdict{Flag::kSuspect, Rule::kSpike}));
  EXPECT_EQ(window.size(), 1);
}

TEST(WindowFlags, WhatHasLeftTheWindowDoesNotCount) {
  constexpr Flag kFlags[] = {Flag::kPass, Flag::kNotEvaluated, Flag::kSuspect, Flag::kFail,
                             Flag::kMissing};
  Random random(3);
  WindowFlags window;
  std::deque<Verdict> held;
  for (int i = 0; i < 2000; ++i) {
    held.push_back({kFlags[random.Below(5)], Rule::kNone});
    window.Add(held.back());
    if (held.size() > 3) {
      window.Remove(held.front());
      held.pop_front();
    }
    Verdict worst = held.front();
    int flagged = 0;
    for (const Verdict verdict : held) {
      worst = Worst(worst, verdict);
      flagged += verdict.flag >= Flag::kSuspect ? 1 : 0;
    }
    EXPECT_EQ(window.worst(), worst);
    EXPECT_DOUBLE_EQ(window.flagged_share(), flagged / static_cast<double>(held.size()));
  }
}

}  // namespace
}  // namespace millrace
