// SPDX-License-Identifier: Apache-2.0
// What may follow in each phase of a run, and what each event changes.
#include <gmock/gmock.h>

#include "coordinator/round/update.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using testing::Accepting;
using ::testing::AllOf;
using testing::At;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::kStart;
using testing::MustApply;
using testing::NewRun;
using testing::Opening;
using ::testing::Pair;

enum class Situation { kBetweenRounds, kOpen, kClosed, kEnded };

RunState RunIn(Situation situation) {
  RunState run = NewRun();
  if (situation == Situation::kBetweenRounds) return run;
  MustApply(run, Opening(run, {"a", "b", "c"}, kStart));
  if (situation == Situation::kClosed) MustApply(run, At(kStart, RoundClosed{"deadline"}));
  if (situation == Situation::kEnded) MustApply(run, At(kStart, RunEnded{RunPhase::kStopped, "x"}));
  return run;
}

struct Case {
  std::string name;
  Event event;
  std::vector<Situation> allowed;
};

std::vector<Case> Cases() {
  using enum Situation;
  return {{"RunStarted", At(kStart, RunStarted{}), {}},
          {"RoundOpened", Opening(NewRun(), {"a"}, kStart), {kBetweenRounds}},
          {"CoordinatorReturned", At(kStart, CoordinatorReturned{}), {kOpen}},
          {"UpdateAccepted", Accepting("a", kStart), {kOpen}},
          {"SiteFailed", At(kStart, SiteFailed{"a", "no data"}), {kOpen}},
          {"RoundClosed", At(kStart, RoundClosed{"deadline"}), {kOpen}},
          {"RoundCommitted", At(kStart, RoundCommitted{}), {kClosed}},
          {"RoundAbandoned", At(kStart, RoundAbandoned{"why", kStart}), {kOpen, kClosed}},
          {"RunEnded", At(kStart, RunEnded{}), {kBetweenRounds, kOpen, kClosed}}};
}

class EventInEveryPhase : public ::testing::TestWithParam<Case> {};

TEST_P(EventInEveryPhase, FollowsExactlyWhereItMay) {
  using enum Situation;
  for (const Situation situation : {kBetweenRounds, kOpen, kClosed, kEnded}) {
    SCOPED_TRACE(static_cast<int>(situation));
    const absl::Status status = CanApply(RunIn(situation), GetParam().event);
    const bool allowed = std::ranges::count(GetParam().allowed, situation) > 0;
    EXPECT_EQ(status.ok(), allowed) << status;
    if (!allowed) {
      EXPECT_THAT(std::string(status.message()), HasSubstr("run tiny-1"));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Round, EventInEveryPhase, ::testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

TEST(RoundUpdate, RunBeginsWithItsStatisticsRound) {
  const RunState run = NewRun();
  EXPECT_EQ(run.next_round, 0);
  EXPECT_EQ(run.next_attempt, 1);
  EXPECT_EQ(run.waiting_since, kStart);
  EXPECT_EQ(run.Newest().parameters, Sha256Of("start"));
  EXPECT_EQ(run.Current(), nullptr);
}

TEST(RoundUpdate, RunWithoutFederatedScalingBeginsWithTraining) {
  EXPECT_EQ(NewRun({.normalization = "none"}).next_round, 1);
}

TEST(RoundUpdate, RunCannotBeginWithAnotherEvent) {
  EXPECT_THAT(StartOf("tiny-1", At(kStart, RoundClosed{})),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("run tiny-1")));
}

TEST(RoundUpdate, RunCannotBeginWithAPlanThatDoesNotParse) {
  EXPECT_THAT(StartOf("tiny-1", At(kStart, RunStarted{"[run]\nnmae = 1\n", {}})),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("nmae")));
}

TEST(RoundUpdate, OpenedRoundTakesTasksModelAndDeadlineFromTheRun) {
  RunState run = NewRun();
  MustApply(run, At(kStart + absl::Seconds(5), RoundOpened{0, 1, {"a", "b"}, 2}));
  const RoundState& round = *run.Current();
  EXPECT_EQ(round.task, TaskKind::kStatistics);
  EXPECT_EQ(round.model, Sha256Of("start"));
  EXPECT_THAT(round.cohort, ElementsAre("a", "b"));
  EXPECT_EQ(round.target, 2);
  EXPECT_EQ(round.minimum, 2);
  EXPECT_EQ(round.deadline, kStart + absl::Seconds(65));
}

TEST(RoundUpdate, AnotherRoundOrAttemptThanTheNextCannotOpen) {
  const RunState run = NewRun();
  EXPECT_FALSE(CanApply(run, At(kStart, RoundOpened{1, 1, {"a"}, 1})).ok());
  EXPECT_FALSE(CanApply(run, At(kStart, RoundOpened{0, 2, {"a"}, 1})).ok());
}

TEST(RoundUpdate, UninvitedSitesUpdateCannotFollow) {
  EXPECT_THAT(CanApply(RunIn(Situation::kOpen), Accepting("mallory", kStart)),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("site mallory"), HasSubstr("not invited"),
                             HasSubstr("tiny-1 round 0 attempt 1"))));
}

TEST(RoundUpdate, SecondUpdateOfASiteCannotFollow) {
  RunState run = RunIn(Situation::kOpen);
  MustApply(run, Accepting("a", kStart));
  EXPECT_THAT(CanApply(run, Accepting("a", kStart)),
              IsStatus(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("site a"), HasSubstr("in already"))));
}

TEST(RoundUpdate, SiteFailsOnceAndNotAfterItsUpdate) {
  RunState run = RunIn(Situation::kOpen);
  MustApply(run, At(kStart, SiteFailed{"a", "no data"}));
  MustApply(run, Accepting("b", kStart));
  EXPECT_THAT(run.Current()->failures, ElementsAre(Pair("a", "no data")));
  EXPECT_EQ(run.Current()->Outstanding(), 1);
  for (const char* site : {"a", "b", "mallory"}) {
    EXPECT_THAT(CanApply(run, At(kStart, SiteFailed{site, "again"})),
                IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr(site)));
  }
}

TEST(RoundUpdate, UpdateOfASiteThatFailedTakesItsFailureBack) {
  RunState run = RunIn(Situation::kOpen);
  MustApply(run, At(kStart, SiteFailed{"a", "no data"}));
  MustApply(run, Accepting("a", kStart));
  EXPECT_TRUE(run.Current()->failures.empty());
  EXPECT_EQ(run.Current()->Outstanding(), 2);
}

TEST(RoundUpdate, CommittedStatisticsRoundBringsTheScalingAndNoVersion) {
  RunState run = RunIn(Situation::kClosed);
  RoundCommitted committed;
  committed.scaling = Scaling{.channels = 1, .modes = {}, .overall = {0, {2}, {3}, 4}};
  MustApply(run, At(kStart + absl::Seconds(9), committed));
  ASSERT_TRUE(run.scaling);
  EXPECT_EQ(run.scaling->overall.count, 4);
  EXPECT_EQ(run.versions.size(), 1u);
  EXPECT_EQ(run.next_round, 1);
  EXPECT_EQ(run.waiting_since, kStart + absl::Seconds(9));
}

TEST(RoundUpdate, CommittedTrainingRoundBringsAVersionAndMeasuresTheOneBefore) {
  RunState run = NewRun({.normalization = "none"});
  MustApply(run, Opening(run, {"a", "b"}, kStart));
  MustApply(run, Accepting("a", kStart));
  MustApply(run, Accepting("b", kStart));
  MustApply(run, At(kStart, RoundClosed{"target reached"}));
  RoundCommitted committed;
  committed.parameters = Sha256Of("next");
  committed.optimizer_state = {Sha256Of("momentum")};
  committed.examples = 40;
  committed.metrics = {{"loss", 0.5}, {"train_loss", 0.25}};
  committed.bytes_down = 72;
  MustApply(run, At(kStart + absl::Seconds(1), committed));

  ASSERT_EQ(run.versions.size(), 2u);
  EXPECT_THAT(run.versions[0].metrics, ElementsAre(Pair("loss", 0.5)))
      << "the training loss is of the version in the making";
  const ModelVersion& version = run.Newest();
  EXPECT_EQ(version.version, 1);
  EXPECT_EQ(version.parameters, Sha256Of("next"));
  EXPECT_THAT(version.optimizer_state, ElementsAre(Sha256Of("momentum")));
  EXPECT_EQ(version.sites, 2);
  EXPECT_EQ(version.examples, 40);
  EXPECT_TRUE(version.metrics.empty());
  EXPECT_EQ(version.created, kStart + absl::Seconds(1));
  EXPECT_EQ(run.rounds.back().phase, RoundPhase::kCommitted);
  EXPECT_EQ(run.rounds.back().bytes_down, 72);
}

TEST(RoundUpdate, AbandonedRoundKeepsItsNumberAndTakesTheNextAttempt) {
  RunState run = RunIn(Situation::kOpen);
  const absl::Time retry = kStart + absl::Seconds(64);
  MustApply(run, At(kStart + absl::Seconds(60), RoundAbandoned{"deadline", retry}));
  EXPECT_EQ(run.next_round, 0);
  EXPECT_EQ(run.next_attempt, 2);
  EXPECT_EQ(run.waiting_since, retry);
  EXPECT_EQ(run.rounds.back().phase, RoundPhase::kAbandoned);
  EXPECT_THAT(run.note, AllOf(HasSubstr("tiny-1 round 0 attempt 1"), HasSubstr("deadline")));
}

TEST(RoundUpdate, CommittedRoundAfterASecondAttemptBeginsAtTheFirstAgain) {
  RunState run = RunIn(Situation::kOpen);
  MustApply(run, At(kStart, RoundAbandoned{"deadline", kStart}));
  MustApply(run, Opening(run, {"a", "b"}, kStart));
  EXPECT_EQ(run.Current()->id.attempt, 2);
  EXPECT_TRUE(run.note.empty());
  MustApply(run, At(kStart, RoundClosed{"deadline"}));
  MustApply(run, At(kStart, RoundCommitted{}));
  EXPECT_EQ(run.next_attempt, 1);
}

TEST(RoundUpdate, SitesHaveTimeToComeBackToACoordinatorThatWasAway) {
  RunState run = RunIn(Situation::kOpen);
  const absl::Time deadline = run.Current()->deadline;
  MustApply(run, At(kStart + absl::Milliseconds(1), CoordinatorReturned{}));
  EXPECT_EQ(run.Current()->deadline, deadline + absl::Milliseconds(1)) << "no longer than a round";
  const absl::Time back = kStart + absl::Hours(5);
  MustApply(run, At(back, CoordinatorReturned{}));
  EXPECT_EQ(run.Current()->deadline, back + absl::Seconds(run.plan.cohort.deadline_s));
}

TEST(RoundUpdate, RestartTakesNoTimeFromARoundThatHasPlenty) {
  RunState run = NewRun({.cohort = "deadline_s = 900\n"});
  MustApply(run, Opening(run, {"a"}, kStart));
  MustApply(run, At(kStart + absl::Seconds(10), CoordinatorReturned{}));
  EXPECT_EQ(run.Current()->deadline, kStart + absl::Seconds(900));
}

TEST(RoundUpdate, ClockThatWasSetBackBeforeARestartKeepsNoRoundOpenForLongerThanAWholeOne) {
  RunState run = NewRun({.cohort = "deadline_s = 900\n"});
  MustApply(run, Opening(run, {"a"}, kStart));
  const absl::Time back = kStart - absl::Hours(24);
  MustApply(run, At(back, CoordinatorReturned{}));
  EXPECT_EQ(run.Current()->deadline, back + absl::Seconds(900));
}

TEST(RoundUpdate, ClockThatWasSetBackBeforeARestartKeepsNoSecurePhaseOpen) {
  RunState run =
      NewRun({.cohort = "target = 4\nminimum = 4\ndeadline_s = 30\n[secure]\nphase_s = 7\n",
              .secure = "honest_but_curious"});
  MustApply(run, Opening(run, {"a", "b", "c", "d"}, kStart));
  const absl::Time back = kStart - absl::Hours(24);
  MustApply(run, At(back, CoordinatorReturned{}));
  EXPECT_EQ(run.Current()->secure->deadline, back + absl::Seconds(7));
}

TEST(RoundUpdate, SecurePhaseBeginsItsTimeAnewAfterARestart) {
  RunState run =
      NewRun({.cohort = "target = 4\nminimum = 4\ndeadline_s = 30\n[secure]\nphase_s = 7\n",
              .secure = "honest_but_curious"});
  MustApply(run, Opening(run, {"a", "b", "c", "d"}, kStart));
  const absl::Time back = kStart + absl::Hours(5);
  MustApply(run, At(back, CoordinatorReturned{}));
  EXPECT_EQ(run.Current()->secure->deadline, back + absl::Seconds(7));
  MustApply(run, At(back, PhaseClosed{"no site outstanding"}));
  MustApply(run, At(back, PhaseClosed{"no site outstanding"}));
  ASSERT_EQ(run.Current()->secure->phase, SecurePhase::kMask);
  MustApply(run, At(back + absl::Hours(1), CoordinatorReturned{}));
  EXPECT_EQ(run.Current()->secure->deadline, back + absl::Hours(1) + absl::Seconds(30));
}

TEST(RoundUpdate, EndOfTheRunAbandonsItsOpenRound) {
  RunState run = RunIn(Situation::kOpen);
  MustApply(run, At(kStart + absl::Seconds(3), RunEnded{RunPhase::kStopped, "by ann"}));
  EXPECT_EQ(run.phase, RunPhase::kStopped);
  EXPECT_EQ(run.ended, kStart + absl::Seconds(3));
  EXPECT_EQ(run.note, "by ann");
  EXPECT_EQ(run.rounds.back().phase, RoundPhase::kAbandoned);
  EXPECT_EQ(run.Current(), nullptr);
}

}  // namespace
}  // namespace millrace
