// SPDX-License-Identifier: Apache-2.0
// kill -9 of real daemons, and of the coordinator above them, while they train.
#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using testing::Eventually;
using testing::Fleet;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;
using testing::Process;
using ::testing::UnorderedElementsAre;

/// A few hundred rows of which the label is the sum.
void WriteData(const std::string& path) {
  Random random(1);
  std::string text = "heat,flow,wear\n";
  for (int row = 0; row < 400; ++row) {
    const double heat = random.Normal();
    const double flow = random.Normal();
    absl::StrAppend(&text, heat, ",", flow, ",", heat + flow, "\n");
  }
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), path, text));
}

std::string Plan(int rounds, const std::string& cohort, int epochs = 1) {
  return absl::StrCat("secure_aggregation = \"off\"\n[run]\nname = \"sum\"\nrounds = ", rounds,
                      "\n[cohort]\n", cohort,
                      "[model]\nkind = \"mlp\"\nhidden = [4]\n"
                      "[input]\nchannels = [\"heat\", \"flow\"]\nnormalization = \"none\"\n"
                      "[label]\nkind = \"column\"\ncolumn = \"wear\"\n"
                      "[training]\nlearning_rate = 0.01\nepochs = ",
                      epochs, "\n");
}

class SiteKill : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fleet_.StartCoordinator());
    WriteData(fleet_.folder() + "/rows.csv");
  }
  void StartSites(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      fleet_.StartSite(MILLRACE_CLIENT, name,
                       "[data]\nkind = \"delimited\"\npath = \"rows.csv\"\n");
    }
    ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
  }

  /// Two sites, of which a has said that it trains: that takes seconds more.
  void StartLongTraining() {
    StartSites({"a", "b"});
    MR_ASSERT_OK(fleet_.as_operator().StartRun(
        Plan(1, "target = 2\nminimum = 2\nwait_s = 60\ndeadline_s = 600\n", 4000)));
    const auto trains = [&] {
      const auto listed = fleet_.as_operator().ListSites();
      return listed.ok() && std::ranges::any_of(listed->sites(), [](const v1::Site& site) {
               return site.name() == "a" && site.report().activity() == v1::ACTIVITY_WORKING;
             });
    };
    ASSERT_TRUE(Eventually(trains)) << fleet_.Logs();
  }
  /// Of this site; 0 if it has none.
  pid_t TrainingProcess(const std::string& site) {
    const std::vector<pid_t> children = fleet_.site(site).Children();
    return children.size() == 1 ? children[0] : 0;
  }
  /// The round ends in its first attempt, with both.
  void ExpectNothingWasLost() {
    const v1::Run run = fleet_.AwaitEnd("sum-1", absl::Minutes(5));
    ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet_.Logs();
    EXPECT_EQ(run.history(0).attempt(), 1) << fleet_.Logs();
    EXPECT_THAT(run.history(0).received(), UnorderedElementsAre("a", "b"));
  }

  Fleet fleet_{MILLRACE_COORDINATOR};
};

TEST_F(SiteKill, InTheMiddleOfARoundHoldsItNoLongerThanItsDeadline) {
  constexpr int64_t kDeadlineMs = 25'000;  // long enough for a busy machine to train
  StartSites({"a", "b", "dying"});
  // It hangs, still connected, before the round invites it, and dies once the round has.
  fleet_.site("dying").Signal(SIGSTOP);
  MR_ASSERT_OK(fleet_.as_operator().StartRun(
      Plan(1, "target = 3\nminimum = 2\nwait_s = 0\ndeadline_s = 25\n")));
  ASSERT_TRUE(Eventually([&] {
    const v1::Run run = fleet_.GetRun("sum-1");
    return run.history_size() == 1 && run.history(0).received_size() == 2;
  })) << fleet_.Logs();
  ASSERT_THAT(fleet_.GetRun("sum-1").history(0).cohort(), Contains("dying"));
  fleet_.site("dying").Kill();

  const v1::Run run = fleet_.AwaitEnd("sum-1");
  ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet_.Logs();
  const v1::Round& round = run.history(0);
  EXPECT_EQ(round.phase(), v1::ROUND_PHASE_COMMITTED);
  EXPECT_THAT(round.received(), Not(Contains("dying")));
  EXPECT_GE(round.ended_ms() - round.opened_ms(), kDeadlineMs);
  EXPECT_LT(round.ended_ms() - round.opened_ms(), kDeadlineMs + 5000) << "a busy machine's leeway";
}

TEST_F(SiteKill, DaemonThatTrainsTakesItsTrainingWithItAndStartsOverInTheSameRound) {
  StartLongTraining();
  const pid_t training = TrainingProcess("a");
  ASSERT_GT(training, 0);
  fleet_.site("a").Kill();
  EXPECT_TRUE(Eventually([&] { return !testing::Lives(training); })) << "it would train for nobody";
  StartSites({"a"});
  ExpectNothingWasLost();
}

TEST_F(SiteKill, TrainingProcessIsStartedOverByItsDaemonInTheSameRound) {
  StartLongTraining();
  const pid_t training = TrainingProcess("a");
  ASSERT_GT(training, 0);
  ASSERT_EQ(::kill(training, SIGKILL), 0);
  ExpectNothingWasLost();
  EXPECT_THAT(fleet_.site("a").Log(), HasSubstr("training process was killed, starting over"));
}

TEST_F(SiteKill, DaemonThatComesBackTakesPartAgain) {
  StartSites({"a", "b"});
  MR_ASSERT_OK(fleet_.as_operator().StartRun(Plan(
      3, "target = 2\nminimum = 2\nwait_s = 60\ndeadline_s = 5\nattempts = 20\nbackoff_s = 1\n")));
  ASSERT_TRUE(Eventually([&] { return fleet_.GetRun("sum-1").version() >= 1; })) << fleet_.Logs();
  fleet_.site("b").Kill();
  StartSites({"b"});
  const v1::Run run = fleet_.AwaitEnd("sum-1");
  EXPECT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet_.Logs();
  EXPECT_EQ(run.version(), 3);
}

TEST_F(SiteKill, SecondDaemonOnTheSameFolderIsRefusedUntilTheFirstIsDead) {
  StartSites({"a"});
  const std::string config = fleet_.folder() + "/a.toml";
  Process second({MILLRACE_CLIENT, "run", "--config", config}, fleet_.folder() + "/second.log");
  EXPECT_THAT(second.AwaitExit(), Optional(2));
  EXPECT_THAT(second.Log(), AllOf(HasSubstr("spool_a"),
                                  HasSubstr(absl::StrCat("process ", fleet_.site("a").pid()))));
  fleet_.site("a").Kill();
  StartSites({"a"});
  EXPECT_THAT(fleet_.site("a").Log(), Not(HasSubstr("in use by")));
}

TEST_F(SiteKill, CoordinatorKilledWhileSitesTrainIsFoundAgainAndTheRunEnds) {
  StartSites({"a", "b"});
  MR_ASSERT_OK(fleet_.as_operator().StartRun(Plan(4, "target = 2\nminimum = 2\n")));
  for (const int64_t version : {1, 2}) {
    ASSERT_TRUE(Eventually([&] { return fleet_.GetRun("sum-1").version() >= version; }))
        << fleet_.Logs();
    fleet_.coordinator().Kill();
    ASSERT_TRUE(fleet_.StartCoordinator());
    EXPECT_GE(fleet_.GetRun("sum-1").version(), version) << "a committed round was lost";
  }
  const v1::Run run = fleet_.AwaitEnd("sum-1");
  EXPECT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet_.Logs();
  EXPECT_EQ(run.version(), 4);
}

}  // namespace
}  // namespace millrace
