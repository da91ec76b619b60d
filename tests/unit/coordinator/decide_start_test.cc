// SPDX-License-Identifier: Apache-2.0
// When a run begins whose plan waits for drift.
#include <gmock/gmock.h>

#include "coordinator/round/decide.h"
#include "coordinator/round/replay.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using testing::At;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::kStart;
using testing::MustApply;
using testing::NewRun;
using testing::Opening;
using testing::TinyPlan;

const std::vector<std::string> kManySites = {"a", "b", "c", "d"};

TinyPlan PlanWaitingForDrift(const std::string& start, const std::string& cohort = "") {
  TinyPlan plan;
  absl::StrAppend(&plan.cohort, cohort, "[start]\n", start);
  return plan;
}

/// How many of four sites report drift.
Decision DecideWith(const RunState& run, int64_t drifting, int64_t sites = 4) {
  return Decide(run, kManySites, kStart, {}, {.sites = sites, .drifting = drifting});
}

const DriftReached* ReachedBy(const Decision& decision) {
  const Event* event = std::get_if<Event>(&decision);
  return event == nullptr ? nullptr : std::get_if<DriftReached>(&event->body);
}

struct DriftCase {
  const char* name;
  const char* start;
  int64_t sites;
  int64_t needed;
};
void PrintTo(const DriftCase& drift, std::ostream* out) { *out << drift.name; }

class DecideStart : public ::testing::TestWithParam<DriftCase> {};

TEST_P(DecideStart, WaitsBelowTheShareAndBeginsAtIt) {
  const DriftCase& drift = GetParam();
  const RunState run = NewRun(PlanWaitingForDrift(drift.start));
  EXPECT_EQ(DriftNeeded(run.plan, drift.sites), drift.needed);
  EXPECT_EQ(ReachedBy(DecideWith(run, drift.needed - 1, drift.sites)), nullptr);
  const Decision decision = DecideWith(run, drift.needed, drift.sites);
  const DriftReached* reached = ReachedBy(decision);
  ASSERT_NE(reached, nullptr);
  EXPECT_EQ(reached->sites, drift.sites);
  EXPECT_EQ(reached->drifting, drift.needed);
  EXPECT_EQ(reached->needed, drift.needed);
  EXPECT_EQ(std::get<Event>(decision).time, kStart);
}

constexpr char kHalf[] = "on_drift_share = 0.5\n";
constexpr char kOfAHundred[] = "on_drift_share = 0.07\n";
const DriftCase kDriftCases[] = {
    {"HalfOfFour", kHalf, 4, 2},
    {"HalfOfFiveIsThree", kHalf, 5, 3},
    {"SevenOfAHundredIsSeven", kOfAHundred, 100, 7},
    {"AnyShareTakesASite", "on_drift_share = 0.001\n", 10, 1},
    {"AllOfThem", "on_drift_share = 1\n", 10, 10},
    {"FewerThanARoundNeedsAreTakenForAsMany", kHalf, 1, 1},
    {"NobodyAtAllIsNoShare", "on_drift_share = 1\n", 0, 2},
    {"AtLeastSoMany", "on_drift_share = 0.5\nat_least_sites = 3\n", 4, 3},
    {"AtLeastSoManyIsNoLimit", "on_drift_share = 0.5\nat_least_sites = 3\n", 10, 5},
};
INSTANTIATE_TEST_SUITE_P(Shares, DecideStart, ::testing::ValuesIn(kDriftCases),
                         [](const auto& info) { return info.param.name; });

TEST(DecideStartOf, RunThatWaitsSaysForHowMany) {
  const RunState run = NewRun(PlanWaitingForDrift(kHalf));
  const Decision waiting = DecideWith(run, 1);
  const auto& wait = std::get<Wait>(waiting);
  EXPECT_EQ(wait.why, "waits for drift: 1 of 4 sites (needs 2)");
  EXPECT_GT(wait.until, kStart);
  EXPECT_LT(wait.until, absl::InfiniteFuture()) << "a site that falls silent changes the count";
  const Decision alone = DecideWith(run, 0, 1);
  EXPECT_EQ(std::get<Wait>(alone).why, "waits for drift: 0 of 1 site (needs 1)");
}

TEST(DecideStartOf, RunWithoutTheSectionMindsNoDrift) {
  const Decision decision = DecideWith(NewRun(), 0);
  EXPECT_TRUE(std::holds_alternative<RoundOpened>(std::get<Event>(decision).body));
}

TEST(DecideStartOf, RunThatHasBegunGoesOnWhenTheDriftIsOver) {
  RunState run = NewRun(PlanWaitingForDrift(kHalf));
  MustApply(run, std::get<Event>(DecideWith(run, 2)));
  const Decision decision = DecideWith(run, 0);
  ASSERT_TRUE(std::holds_alternative<Event>(decision));
  EXPECT_TRUE(std::holds_alternative<RoundOpened>(std::get<Event>(decision).body));
}

TEST(DecideStartOf, PatienceWithSitesBeginsWithTheDrift) {
  RunState run = NewRun(PlanWaitingForDrift(kHalf));
  const absl::Time begun = kStart + absl::Hours(30);
  MustApply(run, At(begun, DriftReached{4, 2, 2}));
  const Decision decision = Decide(run, {"a", "b"}, begun);
  EXPECT_EQ(std::get<Wait>(decision).until, begun + absl::Seconds(10)) << "[cohort] wait_s";
}

TEST(RunThatWaitsForDrift, OpensNoRoundBeforeIt) {
  const RunState run = NewRun(PlanWaitingForDrift(kHalf));
  EXPECT_THAT(CanApply(run, Opening(run, kManySites, kStart)),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("waits for drift")));
}

TEST(RunThatWaitsForDrift, BeginsOnce) {
  RunState run = NewRun(PlanWaitingForDrift(kHalf));
  const Event reached = At(kStart, DriftReached{4, 2, 2});
  MustApply(run, reached);
  EXPECT_EQ(run.note, "drift at 2 of 4 sites (needed 2)");
  EXPECT_THAT(CanApply(run, reached),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("waits for no drift")));
  EXPECT_FALSE(CanApply(NewRun(), reached).ok()) << "its plan has no such section";
}

TEST(RunThatWaitsForDrift, CanBeStopped) {
  RunState run = NewRun(PlanWaitingForDrift(kHalf));
  MustApply(run, At(kStart, RunEnded{RunPhase::kStopped, "changed my mind"}));
  EXPECT_TRUE(std::holds_alternative<Wait>(DecideWith(run, 4)));
  EXPECT_FALSE(CanApply(run, At(kStart, DriftReached{4, 4, 2})).ok());
}

TEST(RunThatWaitsForDrift, GoesOnWaitingFromABackupOfThatTime) {
  RunState run = NewRun(PlanWaitingForDrift(kHalf));
  MustApply(run, At(kStart, RunRestored{1000}));
  EXPECT_TRUE(std::holds_alternative<Wait>(DecideWith(run, 1)));
  EXPECT_NE(ReachedBy(DecideWith(run, 2)), nullptr);
}

TEST(RunThatWaitsForDrift, IsWhatItsEventsSay) {
  const RunState run = NewRun(PlanWaitingForDrift(kHalf));
  std::vector<Event> events = {At(kStart, RunStarted{run.plan_text, Sha256Of("start")})};
  MR_ASSERT_OK_AND_ASSIGN(const RunState waiting, Replay("tiny-1", events));
  EXPECT_TRUE(waiting.WaitsForDrift());
  events.push_back(At(kStart, DriftReached{4, 2, 2}));
  events.push_back(Opening(run, kManySites, kStart));
  MR_ASSERT_OK_AND_ASSIGN(const RunState begun, Replay("tiny-1", events));
  EXPECT_EQ(begun.started_by->drifting, 2);
  events.erase(events.begin() + 1);
  EXPECT_THAT(Replay("tiny-1", events),
              IsStatus(absl::StatusCode::kDataLoss, HasSubstr("event 1 does not follow")));
}

}  // namespace
}  // namespace millrace
