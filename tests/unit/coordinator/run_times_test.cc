// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/run_times.h"

#include <gtest/gtest.h>

#include "coordinator/round/decide.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using testing::At;
using testing::kStart;
using testing::MustApply;
using testing::NewRun;
using testing::Opening;

constexpr absl::Duration kAFullDay = absl::Hours(24);
const testing::TinyPlan kPlanWithBackoff{
    .cohort = "target = 1\nminimum = 1\ndeadline_s = 60\nbackoff_s = 4\nattempts = 4\n"};

TEST(RunTimesTest, WhatAnOpenRoundWaitsForMovesWithTheClock) {
  RunState run = NewRun(kPlanWithBackoff);
  MustApply(run, Opening(run, {"a"}, kStart));
  const absl::Time deadline = run.Current()->deadline;
  for (const absl::Duration by : {kAFullDay, -kAFullDay}) {
    MoveTimes(run, by);
    MoveTimes(run, by);
  }
  EXPECT_EQ(run.Current()->deadline, deadline);
  MoveTimes(run, -kAFullDay);
  EXPECT_EQ(run.Current()->deadline, deadline - kAFullDay);
  EXPECT_EQ(run.Current()->opened, kStart - kAFullDay);
  EXPECT_EQ(run.Current()->ended, absl::InfiniteFuture());
}

TEST(RunTimesTest, TurnsAndPausesMoveWithTheClock) {
  RunState run = NewRun(kPlanWithBackoff);
  MoveTimes(run, kAFullDay);
  EXPECT_EQ(LastTurn(run), kStart + kAFullDay);
  MustApply(run, Opening(run, {"a"}, kStart + kAFullDay));
  MustApply(run,
            At(kStart + kAFullDay, RoundAbandoned{"why", kStart + kAFullDay + absl::Seconds(4)}));
  MoveTimes(run, -kAFullDay);
  EXPECT_EQ(LastTurn(run), kStart);
  EXPECT_EQ(run.waiting_since, kStart + absl::Seconds(4));
}

TEST(RunTimesTest, LongestPauseIsTheOneBeforeTheLastAttempt) {
  EXPECT_EQ(LongestBackoff(NewRun(kPlanWithBackoff).plan.cohort), absl::Seconds(4 * 4));
}

TEST(RunTimesTest, RunThatIsTakenUpWaitsNoLongerThanItsLongestPause) {
  RunState run = NewRun(kPlanWithBackoff);
  MustApply(run, Opening(run, {"a"}, kStart));
  MustApply(run, At(kStart, RoundAbandoned{"why", kStart + absl::Seconds(4)}));
  RunState same = run;
  BoundTimes(same, kStart);
  EXPECT_EQ(same.waiting_since, run.waiting_since) << "a clock that nobody has set";

  const absl::Time now = kStart - kAFullDay;
  BoundTimes(run, now);
  EXPECT_EQ(run.waiting_since, now + absl::Seconds(16));
  EXPECT_EQ(LastTurn(run), now);
}

TEST(RunTimesTest, RunWithoutARoundTakesItsTurnLikeOthers) {
  RunState run = NewRun(kPlanWithBackoff);
  BoundTimes(run, kStart - kAFullDay);
  EXPECT_EQ(LastTurn(run), kStart - kAFullDay);
}

}  // namespace
}  // namespace millrace
