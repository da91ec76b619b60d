// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <sstream>

#include "absl/strings/str_split.h"
#include "coordinator/cli/json.h"
#include "coordinator/cli/watch.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/cli_fake_connection.h"
#include "tests/unit/coordinator/cli_runs.h"

namespace millrace {
namespace {

using testing::CommittedRound;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOkAndHolds;
using testing::IsStatus;
using testing::MakeRound;
using testing::MakeRun;
using ::testing::Not;

v1::Run RunWith(v1::RunPhase phase, int64_t rounds) {
  v1::Run run = MakeRun(phase);
  run.set_note("all rounds done");
  for (int64_t i = 1; i <= rounds; ++i) *run.add_history() = CommittedRound(i);
  return run;
}

class WatchTest : public ::testing::Test {
 protected:
  absl::StatusOr<ExitCode> Watch(const WatchOptions& options = {}, size_t columns = 0) {
    Console console(&out_, &err_, columns);
    return WatchRun("turbofan-1", options, &connection_, &console, &clock_);
  }

  testing::FakeConnection connection_;
  testing::SimulatedClock clock_;
  std::ostringstream out_;
  std::ostringstream err_;
};

constexpr char kRound1[] = "round  1/30  4 sites  loss 0.0123  rmse 14.2  3.1 s\n";
constexpr char kRound2[] = "round  2/30  4 sites  loss 0.0123  rmse 14.2  3.1 s\n";
constexpr char kEnd[] = "run turbofan-1 finished: all rounds done (version 7, 5 min 3 s)\n";

TEST_F(WatchTest, ALinePerRoundAndOneForTheEnd) {
  connection_.watch_scripts = {
      {.runs = {RunWith(v1::RUN_PHASE_RUNNING, 1), RunWith(v1::RUN_PHASE_RUNNING, 2),
                RunWith(v1::RUN_PHASE_FINISHED, 2)}}};
  EXPECT_THAT(Watch(), IsOkAndHolds(ExitCode::kOk));
  EXPECT_EQ(out_.str(), absl::StrCat(kRound1, kRound2, kEnd));
  EXPECT_THAT(err_.str(), IsEmpty());
}

v1::Run HeldUp(const std::string& why) {
  v1::Run run = RunWith(v1::RUN_PHASE_RUNNING, 0);
  run.set_held_up(why);
  return run;
}

TEST_F(WatchTest, WhatHoldsTheRunUpIsSaidOnce) {
  const v1::Run held_up = HeldUp("waits for sites: 2 of at least 3 are here");
  connection_.watch_scripts = {{.runs = {held_up, held_up, RunWith(v1::RUN_PHASE_FINISHED, 0)}}};
  EXPECT_THAT(Watch(), IsOkAndHolds(ExitCode::kOk));
  EXPECT_EQ(out_.str(),
            absl::StrCat("run turbofan-1 waits for sites: 2 of at least 3 are here\n", kEnd));
}

TEST_F(WatchTest, WhatHoldsTheRunUpIsALineOfJson) {
  connection_.watch_scripts = {
      {.runs = {HeldUp("waits for sites"), RunWith(v1::RUN_PHASE_FINISHED, 0)}}};
  EXPECT_THAT(Watch({.json = true}), IsOkAndHolds(ExitCode::kOk));
  EXPECT_THAT(out_.str(), HasSubstr("\"held_up\":\"waits for sites\""));
}

TEST_F(WatchTest, TheExitCodeSaysHowTheRunEnded) {
  connection_.watch_scripts = {{.runs = {RunWith(v1::RUN_PHASE_FAILED, 0)}}};
  EXPECT_THAT(Watch(), IsOkAndHolds(ExitCode::kRunFailed));
  connection_.watch_scripts = {{.runs = {RunWith(v1::RUN_PHASE_STOPPED, 0)}}};
  EXPECT_THAT(Watch(), IsOkAndHolds(ExitCode::kRunStopped));
}

TEST_F(WatchTest, ACoordinatorThatComesBackIsFollowedWithoutRepetition) {
  connection_.watch_scripts = {
      {.runs = {RunWith(v1::RUN_PHASE_RUNNING, 1)}, .end = absl::UnavailableError("socket closed")},
      {.runs = {}, .end = absl::UnavailableError("connection refused")},
      {.runs = {RunWith(v1::RUN_PHASE_RUNNING, 2)}, .end = absl::CancelledError("watch ended")},
      {.runs = {RunWith(v1::RUN_PHASE_FINISHED, 2)}}};
  EXPECT_THAT(Watch(), IsOkAndHolds(ExitCode::kOk));
  EXPECT_EQ(out_.str(), absl::StrCat(kRound1, kRound2, kEnd));
  EXPECT_THAT(err_.str(), HasSubstr("socket closed; trying again for 1 min"));
  EXPECT_THAT(err_.str(), Not(HasSubstr("connection refused")));  // one notice per loss
}

TEST_F(WatchTest, AWatchThatTheCoordinatorEndsEarlyIsRenewed) {
  connection_.watch_scripts = {{.runs = {RunWith(v1::RUN_PHASE_RUNNING, 1)}},
                               {.runs = {RunWith(v1::RUN_PHASE_FINISHED, 1)}}};
  EXPECT_THAT(Watch(), IsOkAndHolds(ExitCode::kOk));
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(WatchTest, PatienceEndsAfterItsTimeAndNotBefore) {
  connection_.watch_scripts = {
      {.runs = {RunWith(v1::RUN_PHASE_RUNNING, 1)}, .end = absl::UnavailableError("gone")}};
  connection_.watch_scripts.push_back({.runs = {}, .end = absl::UnavailableError("gone")});
  const absl::Time begin = clock_.Now();
  EXPECT_THAT(Watch({.patience = absl::Seconds(20)}),
              IsStatus(absl::StatusCode::kUnavailable, HasSubstr("given up after 20.0 s")));
  EXPECT_EQ(clock_.Now() - begin, absl::Seconds(20));
}

TEST_F(WatchTest, PatienceBeginsAnewWithEachLoss) {
  const testing::FakeConnection::WatchScript seen_and_lost = {
      .runs = {RunWith(v1::RUN_PHASE_RUNNING, 1)}, .end = absl::UnavailableError("gone")};
  connection_.watch_scripts.assign(100, seen_and_lost);  // 100 losses of 0.5 s each
  connection_.watch_scripts.push_back({.runs = {RunWith(v1::RUN_PHASE_FINISHED, 1)}});
  EXPECT_THAT(Watch({.patience = absl::Seconds(5)}), IsOkAndHolds(ExitCode::kOk));
}

TEST_F(WatchTest, ACoordinatorThatNeverAnsweredFailsAtOnce) {
  connection_.watch_scripts = {{.runs = {}, .end = absl::UnavailableError("connection refused")}};
  EXPECT_THAT(Watch(), IsStatus(absl::StatusCode::kUnavailable, "connection refused"));
  EXPECT_EQ(connection_.watches, 1);
}

TEST_F(WatchTest, ARefusalIsNotTriedAgain) {
  connection_.watch_scripts = {
      {.runs = {RunWith(v1::RUN_PHASE_RUNNING, 1)}, .end = absl::PermissionDeniedError("no")}};
  EXPECT_THAT(Watch(), IsStatus(absl::StatusCode::kPermissionDenied, "no"));
  EXPECT_EQ(connection_.watches, 1);
}

TEST_F(WatchTest, JsonIsAnObjectPerLine) {
  v1::Run running = RunWith(v1::RUN_PHASE_RUNNING, 1);
  (*running.mutable_history(0)->mutable_failures())["press-5"] = "no data";
  connection_.watch_scripts = {{.runs = {running, RunWith(v1::RUN_PHASE_FINISHED, 1)}}};
  EXPECT_THAT(Watch({.json = true}, 80), IsOkAndHolds(ExitCode::kOk));
  const std::vector<std::string> lines = absl::StrSplit(out_.str(), '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2u) << out_.str();
  const Json round = Json::parse(lines[0]);
  EXPECT_EQ(round["type"], "round");
  EXPECT_EQ(round["run"], "turbofan-1");
  EXPECT_EQ(round["failures"]["press-5"], "no data");
  const Json end = Json::parse(lines[1]);
  EXPECT_EQ(end["type"], "end");
  EXPECT_EQ(end["state"], "finished");
}

TEST_F(WatchTest, ATerminalHasALiveLineThatIsGoneAtTheEnd) {
  v1::Run running = RunWith(v1::RUN_PHASE_RUNNING, 0);
  *running.add_history() = MakeRound(1, v1::TASK_KIND_TRAINING, v1::ROUND_PHASE_OPEN);
  connection_.watch_scripts = {{.runs = {running, RunWith(v1::RUN_PHASE_FINISHED, 1)}}};
  EXPECT_THAT(Watch({}, 80), IsOkAndHolds(ExitCode::kOk));
  EXPECT_EQ(out_.str(), absl::StrCat("round  1/30  [........................] 0/4 sites",
                                     "\r\x1b[2K", kRound1, kEnd));
}

}  // namespace
}  // namespace millrace
