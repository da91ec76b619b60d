// SPDX-License-Identifier: Apache-2.0
// A run that goes on from a backup, whose sites may be ahead of it.
#include <gmock/gmock.h>

#include "coordinator/round/decide.h"
#include "coordinator/store/event_json.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using testing::At;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::kStart;
using testing::MustApply;
using testing::Opening;

constexpr int32_t kBase = 1000;

class RestoredRun : public ::testing::Test {
 protected:
  RestoredRun() {
    MustApply(run_, Opening(run_, {"a", "b"}, kStart));
    MustApply(run_, testing::Accepting("a", kStart));
    MustApply(run_, At(kStart, RunRestored{kBase}));
  }

  RunState run_ = testing::NewRun(
      {.cohort = "target = 2\nminimum = 2\nwait_s = 10\ndeadline_s = 60\nbackoff_s = 4\n"
                 "attempts = 2\n"});
};

TEST_F(RestoredRun, GivesUpTheOpenRoundAndTriesItAgainAtOnce) {
  EXPECT_EQ(run_.Current(), nullptr);
  EXPECT_EQ(run_.rounds[0].phase, RoundPhase::kAbandoned);
  EXPECT_EQ(run_.rounds[0].note, "restored from a backup");
  const Decision decision = Decide(run_, {"a", "b"}, kStart);
  const auto& opened = std::get<RoundOpened>(std::get<Event>(decision).body);
  EXPECT_EQ(opened.round, run_.rounds[0].id.round);
  EXPECT_EQ(opened.attempt, kBase + 1);
}

TEST_F(RestoredRun, CountsTheAttemptsOfLaterRoundsFromThere) {
  MustApply(run_, Opening(run_, {"a", "b"}, kStart));
  MustApply(run_, testing::Accepting("a", kStart));
  MustApply(run_, testing::Accepting("b", kStart));
  MustApply(run_, At(kStart, RoundClosed{"target reached"}));
  MustApply(run_, At(kStart, RoundCommitted{}));
  EXPECT_EQ(run_.next_attempt, kBase + 1);
}

TEST_F(RestoredRun, HasAsManyAttemptsAndPausesAsAnyOther) {
  MustApply(run_, Opening(run_, {"a", "b"}, kStart));
  const Event first = AbandonOrFail(run_, "deadline", kStart);
  ASSERT_TRUE(std::holds_alternative<RoundAbandoned>(first.body));
  EXPECT_EQ(std::get<RoundAbandoned>(first.body).retry_at, kStart + absl::Seconds(4));
  MustApply(run_, first);
  MustApply(run_, Opening(run_, {"a", "b"}, kStart));
  EXPECT_TRUE(std::holds_alternative<RunEnded>(AbandonOrFail(run_, "deadline", kStart).body));
}

TEST_F(RestoredRun, CountsFromNoAttemptThatMayHaveBeen) {
  EXPECT_THAT(CanApply(run_, At(kStart, RunRestored{kBase})),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("run tiny-1")));
  MR_EXPECT_OK(CanApply(run_, At(kStart, RunRestored{kBase + 1})));
}

TEST_F(RestoredRun, EventComesBackFromTheStore) {
  const Event event = At(kStart, RunRestored{kBase});
  EXPECT_EQ(EventKind(event), "run_restored");
  MR_ASSERT_OK_AND_ASSIGN(const Event read,
                          EventFromJson(kStart, EventKind(event), EventToJson(event)));
  EXPECT_EQ(std::get<RunRestored>(read.body).attempt_base, kBase);
}

}  // namespace
}  // namespace millrace
