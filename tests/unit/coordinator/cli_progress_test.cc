// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "coordinator/cli/run_progress.h"
#include "tests/unit/coordinator/cli_runs.h"

namespace millrace {
namespace {

using testing::CommittedRound;
using ::testing::IsEmpty;
using testing::MakeRound;
using testing::MakeRun;
using ::testing::SizeIs;

TEST(RunProgress, TellsEachEndedRoundOnce) {
  RunProgress progress;
  v1::Run run = MakeRun(v1::RUN_PHASE_RUNNING);
  *run.add_history() = CommittedRound(1);
  *run.add_history() = CommittedRound(2);
  EXPECT_THAT(progress.Take(run), SizeIs(2));
  EXPECT_THAT(progress.Take(run), IsEmpty());
  *run.add_history() = CommittedRound(3);
  const std::vector<RunNews> news = progress.Take(run);
  ASSERT_THAT(news, SizeIs(1));
  EXPECT_EQ(std::get<RoundEnded>(news[0]).round.round(), 3);
}

TEST(RunProgress, AnOpenRoundIsNoNewsUntilItEnds) {
  RunProgress progress;
  v1::Run run = MakeRun(v1::RUN_PHASE_RUNNING);
  *run.add_history() = MakeRound(1, v1::TASK_KIND_TRAINING, v1::ROUND_PHASE_OPEN);
  EXPECT_THAT(progress.Take(run), IsEmpty());
  run.mutable_history(0)->set_phase(v1::ROUND_PHASE_CLOSED);
  EXPECT_THAT(progress.Take(run), IsEmpty());
  run.mutable_history(0)->set_phase(v1::ROUND_PHASE_COMMITTED);
  EXPECT_THAT(progress.Take(run), SizeIs(1));
}

TEST(RunProgress, ASitesFailureComesAtOnceAndBeforeItsRoundsEnd) {
  RunProgress progress;
  v1::Run run = MakeRun(v1::RUN_PHASE_RUNNING);
  *run.add_history() = MakeRound(1, v1::TASK_KIND_TRAINING, v1::ROUND_PHASE_OPEN);
  (*run.mutable_history(0)->mutable_failures())["press-2"] = "no data";
  std::vector<RunNews> news = progress.Take(run);
  ASSERT_THAT(news, SizeIs(1));
  EXPECT_EQ(std::get<SiteFailure>(news[0]).site, "press-2");

  (*run.mutable_history(0)->mutable_failures())["press-1"] = "out of memory";
  run.mutable_history(0)->set_phase(v1::ROUND_PHASE_ABANDONED);
  news = progress.Take(run);
  ASSERT_THAT(news, SizeIs(2));
  EXPECT_EQ(std::get<SiteFailure>(news[0]).site, "press-1");
  EXPECT_EQ(std::get<RoundEnded>(news[1]).round.phase(), v1::ROUND_PHASE_ABANDONED);
}

TEST(RunProgress, TheNextAttemptAtARoundIsNewAgain) {
  RunProgress progress;
  v1::Run run = MakeRun(v1::RUN_PHASE_RUNNING);
  *run.add_history() = MakeRound(1, v1::TASK_KIND_TRAINING, v1::ROUND_PHASE_ABANDONED);
  (*run.mutable_history(0)->mutable_failures())["press-2"] = "no data";
  EXPECT_THAT(progress.Take(run), SizeIs(2));
  *run.add_history() = run.history(0);
  run.mutable_history(1)->set_attempt(2);
  EXPECT_THAT(progress.Take(run), SizeIs(2));
}

TEST(RunProgress, TheOpenRoundIsTheLastUnlessItHasEnded) {
  v1::Run run = MakeRun(v1::RUN_PHASE_RUNNING);
  EXPECT_EQ(OpenRound(run), nullptr);
  *run.add_history() = CommittedRound(1);
  EXPECT_EQ(OpenRound(run), nullptr);
  *run.add_history() = MakeRound(2, v1::TASK_KIND_TRAINING, v1::ROUND_PHASE_CLOSED);
  EXPECT_EQ(OpenRound(run)->round(), 2);
}

}  // namespace
}  // namespace millrace
