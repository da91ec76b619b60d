// SPDX-License-Identifier: Apache-2.0
// An engine whose wall clock is set while it waits: durations stay what they are.
#include <gmock/gmock.h>

#include "base/clock_jumps.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/engine_rig.h"

namespace millrace {
namespace {

using testing::EngineRig;

constexpr absl::Duration kClockDay = absl::Hours(24);
const testing::TinyPlan kMinuteLong{
    .cohort = "target = 3\nminimum = 2\nwait_s = 10\ndeadline_s = 60\nbackoff_s = 4\n"};

/// By so much, either way.
class EngineClockTest : public ::testing::TestWithParam<absl::Duration> {
 protected:
  RoundPhase PhaseAfter(absl::Duration time) {
    rig_.clock().Advance(time);
    rig_.engine().Step();
    return rig_.Run().rounds.back().phase;
  }

  EngineRig rig_;
};

TEST_P(EngineClockTest, RoundIsOpenForAsLongAsItsPlanSays) {
  rig_.Start(kMinuteLong);
  rig_.OpenRound({"a", "b", "c"});
  rig_.SetWallClock(GetParam());
  EXPECT_EQ(PhaseAfter(absl::Seconds(59)), RoundPhase::kOpen);
  EXPECT_EQ(rig_.AssignmentOf("a").remaining_ms(), 1000);
  EXPECT_EQ(PhaseAfter(absl::Seconds(1)), RoundPhase::kAbandoned);
}

TEST_P(EngineClockTest, SiteIsToldWhatIsLeftOfTheRoundBeforeTheNextStep) {
  rig_.Start(kMinuteLong);
  rig_.OpenRound({"a", "b", "c"});
  rig_.SetWallClock(GetParam());
  EXPECT_EQ(rig_.AssignmentOf("a").remaining_ms(), 60'000);
}

TEST_P(EngineClockTest, NextAttemptComesAfterItsPause) {
  rig_.Start(kMinuteLong);
  rig_.OpenRound({"a", "b", "c"});
  ASSERT_EQ(PhaseAfter(absl::Seconds(60)), RoundPhase::kAbandoned);
  rig_.SetWallClock(GetParam());
  rig_.OpenRound({"a", "b", "c"});
  rig_.clock().Advance(absl::Seconds(3));
  rig_.engine().Step();
  EXPECT_EQ(rig_.Run().rounds.size(), 1U);
  rig_.clock().Advance(absl::Seconds(1));
  rig_.engine().Step();
  EXPECT_EQ(rig_.Run().rounds.size(), 2U);
}

TEST_P(EngineClockTest, SitesStayPresentAndFallSilentAsBefore) {
  rig_.Start(kMinuteLong);
  MR_ASSERT_OK(rig_.engine().CheckIn("a", "0.1"));
  MR_ASSERT_OK(rig_.engine().CheckIn("b", "0.1"));
  rig_.SetWallClock(GetParam());
  EXPECT_TRUE(rig_.engine().Sites()[0].connected());
  rig_.clock().Advance(absl::Seconds(10));
  rig_.engine().Step();
  EXPECT_EQ(rig_.Run().rounds.size(), 1U) << "patience is over, two are here";
  rig_.clock().Advance(absl::Seconds(51));
  EXPECT_FALSE(rig_.engine().Sites()[0].connected());
}

TEST_P(EngineClockTest, StorageIsTriedAgainAfterItsTime) {
  rig_.disk().FillUp();
  EXPECT_FALSE(rig_.engine().StartRun(kMinuteLong.Text()).ok());
  rig_.engine().Step();
  EXPECT_FALSE(rig_.storage().Check().ok());
  rig_.disk().Heal();
  rig_.SetWallClock(GetParam());
  rig_.engine().Step();
  EXPECT_FALSE(rig_.storage().Check().ok()) << "it is not time yet";
  rig_.clock().Advance(StorageHealth::kRetryAfter);
  rig_.engine().Step();
  MR_EXPECT_OK(rig_.storage().Check());
}

TEST_P(EngineClockTest, RunIsTriedAgainAfterAFault) {
  rig_.Start(kMinuteLong);
  rig_.store().DieAtAppend(0, /*written=*/false);
  rig_.OpenRound({"a", "b", "c"});
  ASSERT_TRUE(rig_.Run().rounds.empty());
  rig_.store().Revive();
  rig_.SetWallClock(GetParam());
  const absl::Time wake = rig_.engine().Step();
  EXPECT_TRUE(rig_.Run().rounds.empty());
  EXPECT_EQ(wake, rig_.clock().Now() + EngineOptions().retry_after_fault);
  rig_.clock().Advance(EngineOptions().retry_after_fault);
  rig_.engine().Step();
  EXPECT_EQ(rig_.Run().rounds.size(), 1U);
}

TEST_P(EngineClockTest, RunsTakeTurnsAsBefore) {
  rig_.Start(kMinuteLong);
  MR_ASSERT_OK(rig_.engine().StartRun(kMinuteLong.Text()));
  rig_.OpenRound({"a", "b", "c"});
  ASSERT_EQ(PhaseAfter(absl::Seconds(60)), RoundPhase::kAbandoned);
  rig_.SetWallClock(GetParam());
  rig_.OpenRound({"a", "b", "c"});
  EXPECT_EQ(rig_.engine().GetRun("tiny-2")->rounds.size(), 1U) << "the other had them before";
}

TEST_P(EngineClockTest, ProcessThatIsStartedUnderAnotherClockWaitsNoLongerThanARound) {
  rig_.Start(kMinuteLong);
  rig_.OpenRound({"a", "b", "c"});
  rig_.SetWallClock(GetParam());
  rig_.Restart();
  EXPECT_EQ(PhaseAfter(absl::Seconds(0)), RoundPhase::kOpen) << "the sites may come back";
  EXPECT_EQ(PhaseAfter(absl::Seconds(60)), RoundPhase::kAbandoned);
}

INSTANTIATE_TEST_SUITE_P(SetTheClock, EngineClockTest, ::testing::Values(kClockDay, -kClockDay),
                         [](const auto& info) {
                           return info.param > absl::ZeroDuration() ? "Forward" : "Back";
                         });

TEST(ClockJumps, OnlyWhatIsSetCountsHoweverTimePasses) {
  ClockJumps jumps;
  const absl::Time wall = absl::FromUnixSeconds(1'700'000'000);
  const absl::Time steady = absl::UnixEpoch();
  EXPECT_EQ(jumps.Take(wall, steady), absl::ZeroDuration());
  EXPECT_EQ(jumps.Take(wall + kClockDay, steady + kClockDay), absl::ZeroDuration());
  EXPECT_EQ(jumps.Take(wall + 2 * kClockDay, steady + kClockDay), kClockDay);
  EXPECT_EQ(jumps.Take(wall + 2 * kClockDay, steady + kClockDay), absl::ZeroDuration()) << "once";
  EXPECT_EQ(jumps.Take(wall, steady + kClockDay), -2 * kClockDay);
}

TEST(ClockJumps, SmallStepsAddUp) {
  ClockJumps jumps;
  const absl::Time wall = absl::FromUnixSeconds(1'700'000'000);
  jumps.Take(wall, wall);
  absl::Duration all;
  for (int i = 1; i <= 100; ++i) all += jumps.Take(wall + absl::Milliseconds(600 * i), wall);
  EXPECT_EQ(all, absl::Seconds(60));
}

}  // namespace
}  // namespace millrace
