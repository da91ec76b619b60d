// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/decide.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using testing::Accepting;
using ::testing::AllOf;
using testing::At;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kStart;
using testing::MustApply;
using testing::NewRun;
using testing::Opening;
using testing::TinyPlan;

constexpr absl::Duration kSecond = absl::Seconds(1);

/// The event's body if the decision is such an event, else null.
template <typename Body>
const Body* As(const Decision& decision) {
  const Event* event = std::get_if<Event>(&decision);
  return event == nullptr ? nullptr : std::get_if<Body>(&event->body);
}

absl::Time WaitOf(const Decision& decision) {
  const Wait* wait = std::get_if<Wait>(&decision);
  return wait == nullptr ? absl::InfinitePast() : wait->until;
}

std::vector<std::string> Sites(int count) {
  std::vector<std::string> sites;
  for (int i = 0; i < count; ++i) sites.push_back(absl::StrCat("site-", 10 + i));
  return sites;
}

RunState OpenRun(std::vector<std::string> cohort, const TinyPlan& plan = {}) {
  RunState run = NewRun(plan);
  MustApply(run, Opening(run, std::move(cohort), kStart));
  return run;
}

TEST(DecideOpening, RoundOpensAtOnceWithTargetSites) {
  const Decision decision = Decide(NewRun(), Sites(3), kStart);
  const RoundOpened* opened = As<RoundOpened>(decision);
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(opened->round, 0);
  EXPECT_EQ(opened->attempt, 1);
  EXPECT_EQ(opened->target, 3);
  EXPECT_EQ(opened->cohort, Sites(3));
  EXPECT_EQ(std::get<Event>(decision).time, kStart);
}

TEST(DecideOpening, FewerThanTargetWaitUntilPatienceEnds) {
  EXPECT_EQ(WaitOf(Decide(NewRun(), Sites(2), kStart)), kStart + 10 * kSecond);
}

TEST(DecideOpening, AfterThePatienceMinimumWillDo) {
  const Decision decision = Decide(NewRun(), Sites(2), kStart + 10 * kSecond);
  const RoundOpened* opened = As<RoundOpened>(decision);
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(opened->target, 2) << "two sites cannot send three updates";
}

TEST(DecideOpening, FewerThanMinimumWaitForSitesHoweverLong) {
  EXPECT_EQ(WaitOf(Decide(NewRun(), Sites(1), kStart + absl::Hours(9))), absl::InfiniteFuture());
}

TEST(DecideOpening, NothingOpensBeforeTheBackOffEnds) {
  RunState run = NewRun();
  run.waiting_since = kStart + 8 * kSecond;
  EXPECT_EQ(WaitOf(Decide(run, Sites(3), kStart)), kStart + 8 * kSecond);
}

/// A run whose last round had this cohort and is committed.
RunState RunAfter(std::vector<std::string> cohort) {
  RunState run = OpenRun(std::move(cohort));
  MustApply(run, At(kStart, RoundClosed{"deadline"}));
  MustApply(run, At(kStart, RoundCommitted{}));
  return run;
}

TEST(DecideOpening, SiteThatWentAwayIsWaitedForOnce) {
  RunState run = RunAfter(Sites(3));
  EXPECT_EQ(WaitOf(Decide(run, Sites(2), kStart)), kStart + 10 * kSecond);
  const Decision after = Decide(run, Sites(2), kStart + 10 * kSecond);
  ASSERT_NE(As<RoundOpened>(after), nullptr);

  const Decision next = Decide(RunAfter(Sites(2)), Sites(2), kStart);
  ASSERT_NE(As<RoundOpened>(next), nullptr) << "the last round had no more";
  EXPECT_EQ(As<RoundOpened>(next)->target, 2);
}

TEST(DecideOpening, SiteThatCameBackDoesNotPushOutOneThatIsAMomentLate) {
  const RunState run = RunAfter({"site-10", "site-11"});
  EXPECT_EQ(WaitOf(Decide(run, {"site-10", "site-12"}, kStart)), kStart + 10 * kSecond);
  const Decision decision = Decide(run, Sites(3), kStart);
  ASSERT_NE(As<RoundOpened>(decision), nullptr);
  EXPECT_EQ(As<RoundOpened>(decision)->cohort, Sites(3));
}

TEST(DecideOpening, TargetSitesNeedNotBeTheLastOnes) {
  const RunState run = RunAfter({"a", "b", "c"});
  EXPECT_NE(As<RoundOpened>(Decide(run, Sites(3), kStart)), nullptr);
}

std::string WhyOf(const Decision& decision) {
  const Wait* wait = std::get_if<Wait>(&decision);
  return wait == nullptr ? "no wait" : wait->why;
}

TEST(DecideOpening, WaitingSaysHowManySitesAreHere) {
  const absl::Time later = kStart + 3 * kSecond;
  EXPECT_EQ(WhyOf(Decide(NewRun(), Sites(1), later)), "waits for sites: 1 of at least 2 are here");
  EXPECT_EQ(WhyOf(Decide(NewRun(), Sites(2), later)), "waits for sites: 2 of 3 are here");
}

TEST(DecideOpening, WaitingNamesTheRunThatKeepsSitesBusy) {
  EXPECT_EQ(WhyOf(Decide(NewRun(), {}, kStart + 3 * kSecond, {"other-1"})),
            "waits for sites that are busy in run other-1: 0 of at least 2 are free");
}

TEST(DecideOpening, MomentBetweenRoundsIsNotWorthAWord) {
  EXPECT_EQ(WhyOf(Decide(NewRun(), Sites(1), kStart + kSecond)), "");
}

TEST(LastTurnOf, RunIsItsLastRoundsEndAndBeforeThatItsStart) {
  RunState run = NewRun();
  EXPECT_EQ(LastTurn(run), kStart);
  MustApply(run, Opening(run, {"a", "b"}, kStart + kSecond));
  MustApply(run, At(kStart + 5 * kSecond, RoundAbandoned{"deadline", kStart + 9 * kSecond}));
  EXPECT_EQ(LastTurn(run), kStart + 5 * kSecond);
}

TEST(DecideOpening, OverSelectionInvitesMoreThanTarget) {
  // ceil(3 * 1.5) = 5
  const TinyPlan plan{.cohort = "target = 3\nminimum = 2\nover_selection = 0.5\n"};
  const Decision decision = Decide(NewRun(plan), Sites(20), kStart);
  const RoundOpened* opened = As<RoundOpened>(decision);
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(opened->cohort.size(), 5u);
  EXPECT_EQ(opened->target, 3);
  EXPECT_TRUE(std::ranges::is_sorted(opened->cohort));
  EXPECT_EQ(std::set<std::string>(opened->cohort.begin(), opened->cohort.end()).size(), 5u);
}

std::vector<std::string> Drawn(int seed, int64_t round, int32_t attempt) {
  RunState run = NewRun({.seed = seed});
  run.next_round = round;
  run.next_attempt = attempt;
  return As<RoundOpened>(Decide(run, Sites(20), kStart))->cohort;
}

TEST(DecideOpening, DrawDependsOnSeedRoundAndAttemptAlone) {
  const std::vector<std::string> drawn = Drawn(7, 1, 1);
  EXPECT_EQ(Drawn(7, 1, 1), drawn);
  EXPECT_NE(Drawn(8, 1, 1), drawn);
  EXPECT_NE(Drawn(7, 2, 1), drawn);
  EXPECT_NE(Drawn(7, 1, 2), drawn);
}

TEST(DecideOpening, DrawGivesEverySiteItsTurn) {
  // Each of 6 sites is drawn with probability 1/2: in 200 rounds 100 times, deviation 7.1.
  std::map<std::string, int> turns;
  RunState run = NewRun();
  for (run.next_round = 1; run.next_round <= 200; ++run.next_round) {
    run.plan.run.rounds = 1000;
    const Decision decision = Decide(run, Sites(6), kStart);
    for (const std::string& site : As<RoundOpened>(decision)->cohort) ++turns[site];
  }
  ASSERT_EQ(turns.size(), 6u);
  for (const auto& [site, count] : turns) EXPECT_NEAR(count, 100, 5 * 7.1) << site;
}

TEST(DecideRound, ClosesWhenTargetIsReached) {
  RunState run = OpenRun({"a", "b", "c"}, {.cohort = "target = 2\nminimum = 1\n"});
  run.rounds.back().target = 2;
  MustApply(run, Accepting("a", kStart));
  EXPECT_EQ(WaitOf(Decide(run, {}, kStart)), kStart + absl::Seconds(600));
  MustApply(run, Accepting("c", kStart));
  const Decision decision = Decide(run, {}, kStart);
  const RoundClosed* closed = As<RoundClosed>(decision);
  ASSERT_NE(closed, nullptr);
  EXPECT_EQ(closed->reason, "target reached");
}

TEST(DecideRound, WaitsForOutstandingSitesUntilTheDeadline) {
  RunState run = OpenRun({"a", "b", "c"});
  MustApply(run, Accepting("a", kStart));
  MustApply(run, Accepting("b", kStart));
  EXPECT_EQ(WaitOf(Decide(run, {}, kStart + 59 * kSecond)), kStart + 60 * kSecond);
}

TEST(DecideRound, ClosesAtTheDeadlineWithMinimum) {
  RunState run = OpenRun({"a", "b", "c"});
  MustApply(run, Accepting("a", kStart));
  MustApply(run, Accepting("b", kStart));
  const Decision decision = Decide(run, {}, kStart + 60 * kSecond);
  ASSERT_NE(As<RoundClosed>(decision), nullptr);
  EXPECT_EQ(As<RoundClosed>(decision)->reason, "deadline");
}

TEST(DecideRound, ClosesEarlyWhenNobodyIsOutstanding) {
  RunState run = OpenRun({"a", "b", "c"});
  MustApply(run, Accepting("a", kStart));
  MustApply(run, Accepting("b", kStart));
  MustApply(run, At(kStart, SiteFailed{"c", "no data"}));
  const Decision decision = Decide(run, {}, kStart);
  ASSERT_NE(As<RoundClosed>(decision), nullptr);
  EXPECT_EQ(As<RoundClosed>(decision)->reason, "no site outstanding");
}

TEST(DecideRound, BelowMinimumIsAbandonedNamingCountsAndSites) {
  RunState run = OpenRun({"a", "b", "c"});
  MustApply(run, Accepting("a", kStart));
  MustApply(run, At(kStart, SiteFailed{"c", "no data"}));
  const Decision decision = Decide(run, {}, kStart + 60 * kSecond);
  const RoundAbandoned* abandoned = As<RoundAbandoned>(decision);
  ASSERT_NE(abandoned, nullptr);
  EXPECT_THAT(abandoned->reason, AllOf(HasSubstr("deadline"), HasSubstr("1 of at least 2 updates"),
                                       HasSubstr("1 failed, first site c: no data")));
}

TEST(DecideRound, BackOffDoublesWithEachAttempt) {
  RunState run = NewRun({.cohort = "target = 2\nminimum = 2\nattempts = 20\nbackoff_s = 4\n"});
  absl::Time now = kStart;
  for (const int64_t expected_s : {4, 8, 16, 32}) {
    MustApply(run, Opening(run, {"a", "b"}, now));
    now = run.Current()->deadline;
    const Decision decision = Decide(run, {}, now);
    const RoundAbandoned* abandoned = As<RoundAbandoned>(decision);
    ASSERT_NE(abandoned, nullptr);
    EXPECT_EQ(abandoned->retry_at, now + absl::Seconds(expected_s));
    MustApply(run, std::get<Event>(decision));
    now = run.waiting_since;
  }
}

TEST(DecideRound, BackOffStopsDoublingBeforeItOverflows) {
  RunState run = OpenRun({"a", "b"}, {.cohort = "target = 2\nminimum = 2\nattempts = 1000\n"
                                                "backoff_s = 86400\n"});
  run.rounds.back().id.attempt = 999;
  const Decision decision = Decide(run, {}, run.Current()->deadline);
  ASSERT_NE(As<RoundAbandoned>(decision), nullptr);
  EXPECT_EQ(As<RoundAbandoned>(decision)->retry_at,
            run.Current()->deadline + absl::Hours(24) * 1024);
}

TEST(DecideRound, LastAttemptFailsTheRunWithTheReason) {
  RunState run = NewRun({.cohort = "target = 2\nminimum = 2\nattempts = 2\n"});
  MustApply(run, Opening(run, {"a", "b"}, kStart));
  MustApply(run, At(kStart, RoundAbandoned{"deadline", kStart}));
  MustApply(run, Opening(run, {"a", "b"}, kStart));
  const Decision decision = Decide(run, {}, run.Current()->deadline);
  const RunEnded* ended = As<RunEnded>(decision);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->phase, RunPhase::kFailed);
  EXPECT_THAT(ended->reason, AllOf(HasSubstr("tiny-1 round 0 attempt 2, the last"),
                                   HasSubstr("0 of at least 2 updates")));
}

TEST(DecideRound, ClosedRoundIsAggregated) {
  RunState run = OpenRun({"a", "b"});
  MustApply(run, At(kStart, RoundClosed{"deadline"}));
  EXPECT_TRUE(std::holds_alternative<Aggregate>(Decide(run, {}, kStart)));
}

TEST(DecideRun, RoundsAreStatisticsTrainingAndEvaluationThenItFinishes) {
  RunState run = NewRun();
  std::vector<TaskKind> tasks;
  while (As<RoundOpened>(Decide(run, Sites(3), kStart)) != nullptr) {
    MustApply(run, std::get<Event>(Decide(run, Sites(3), kStart)));
    tasks.push_back(run.Current()->task);
    MustApply(run, At(kStart, RoundClosed{"target reached"}));
    RoundCommitted committed;
    if (tasks.back() == TaskKind::kTraining) committed.parameters = Sha256Of("model");
    MustApply(run, At(kStart, committed));
  }
  EXPECT_THAT(tasks, ElementsAre(TaskKind::kStatistics, TaskKind::kTraining, TaskKind::kTraining,
                                 TaskKind::kEvaluation));
  const Decision decision = Decide(run, Sites(3), kStart);
  ASSERT_NE(As<RunEnded>(decision), nullptr);
  EXPECT_EQ(As<RunEnded>(decision)->phase, RunPhase::kFinished);
}

TEST(DecideRun, EndedRunNeedsNothingMore) {
  RunState run = OpenRun({"a", "b"});
  MustApply(run, At(kStart, RunEnded{RunPhase::kStopped, "by ann"}));
  EXPECT_EQ(WaitOf(Decide(run, Sites(3), kStart + absl::Hours(1))), absl::InfiniteFuture());
}

}  // namespace
}  // namespace millrace
