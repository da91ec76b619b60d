// SPDX-License-Identifier: Apache-2.0
// Backups of a coordinator's process that runs, and what goes on from them.
#include "coordinator/storage/backup.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "coordinator/cli/cli.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::Eventually;
using testing::Fleet;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::SiteLink;
using testing::TakePart;
using testing::TinyPlan;

const std::vector<std::string> kSites = {"a", "b"};
constexpr int kRounds = 4;  // statistics, two of training, evaluation

class BackupTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(fleet_.StartCoordinator()); }

  static TinyPlan Plan() {
    TinyPlan plan;
    plan.cohort = "target = 2\nminimum = 2\nwait_s = 60\n";
    plan.server = "optimizer = \"fedadam\"\n";
    return plan;
  }
  std::string state() const { return fleet_.folder() + "/state"; }
  std::string backup() const { return fleet_.folder() + "/backup"; }

  /// Both sites answer one round, `between` coming between the two.
  void PlayRound(const std::function<void()>& between = [] {}) {
    std::map<std::string, std::unique_ptr<Link>> links;
    v1::CheckInRequest request;
    for (const std::string& site : kSites) {
      links[site] = std::make_unique<Link>(SiteLink(fleet_.federation(), site, fleet_.port()));
      MR_ASSERT_OK(links[site]->CheckIn(request));
    }
    MR_ASSERT_OK(TakePart(*links["a"], "a"));
    between();
    MR_ASSERT_OK(TakePart(*links["b"], "b"));
  }
  void Play(int rounds) {
    for (int i = 0; i < rounds; ++i) ASSERT_NO_FATAL_FAILURE(PlayRound());
  }
  std::string AwaitModel() {
    const v1::Run run = fleet_.AwaitEnd("tiny-1");
    EXPECT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet_.Logs();
    const auto model = fleet_.as_operator().GetModel("tiny-1", -1);
    return model.ok() ? model->parameters_sha256() : "";
  }
  absl::StatusOr<BackupReport> Copy() {
    return Backup(PosixFileSystem(), state(), backup(), absl::Now());
  }
  void RestoreAndStart(absl::Time now = absl::Now()) {
    fleet_.coordinator().Kill();
    std::filesystem::remove_all(state());
    MR_ASSERT_OK_AND_ASSIGN(const BackupReport report,
                            Restore(PosixFileSystem(), backup(), state(), now));
    EXPECT_THAT(report.losses, ::testing::IsEmpty());
    ASSERT_TRUE(fleet_.StartCoordinator());
  }

  Fleet fleet_{MILLRACE_COORDINATOR};
};

TEST_F(BackupTest, CoordinatorOnARestoredFolderEndsWithTheSameModel) {
  MR_ASSERT_OK(fleet_.as_operator().StartRun(Plan().Text()));
  ASSERT_NO_FATAL_FAILURE(PlayRound());
  // In the middle of round 1; the original then goes on to its end.
  ASSERT_NO_FATAL_FAILURE(PlayRound([&] {
    MR_ASSERT_OK_AND_ASSIGN(const BackupReport report, Copy());
    EXPECT_EQ(report.runs, 1);
    EXPECT_EQ(report.models, 1);
    EXPECT_THAT(report.losses, ::testing::IsEmpty());
  }));
  ASSERT_NO_FATAL_FAILURE(Play(kRounds - 2));
  const std::string model = AwaitModel();

  ASSERT_NO_FATAL_FAILURE(RestoreAndStart());
  v1::Run run = fleet_.GetRun("tiny-1");
  EXPECT_EQ(run.phase(), v1::RUN_PHASE_RUNNING);
  EXPECT_EQ(run.version(), 0);
  ASSERT_NO_FATAL_FAILURE(Play(kRounds - 1));
  EXPECT_EQ(AwaitModel(), model);
  run = fleet_.GetRun("tiny-1");
  ASSERT_EQ(run.history_size(), kRounds + 1);
  EXPECT_EQ(run.history(1).note(), "restored from a backup");
  for (int i = 2; i <= kRounds; ++i) {
    EXPECT_GT(run.history(i).attempt(), 3) << "no attempt that the original may have had";
  }
}

// On a machine whose clock is still the factory's.
TEST_F(BackupTest, IsRestoredTwiceAndNoAttemptIsGivenTwice) {
  MR_ASSERT_OK(fleet_.as_operator().StartRun(Plan().Text()));
  MR_ASSERT_OK(Copy());
  std::set<int32_t> attempts;
  for (int i = 0; i < 3; ++i) {
    ASSERT_NO_FATAL_FAILURE(PlayRound());
    const int32_t attempt = fleet_.GetRun("tiny-1").history(0).attempt();
    EXPECT_GE(attempt, 1);
    EXPECT_TRUE(attempts.insert(attempt).second) << attempt;
    ASSERT_NO_FATAL_FAILURE(RestoreAndStart(absl::FromUnixSeconds(1'000'000'000)));
  }
}

TEST_F(BackupTest, IsWholeWhileRoundsAreCommitted) {
  TinyPlan plan = Plan();
  plan.rounds = 6;
  MR_ASSERT_OK(fleet_.as_operator().StartRun(plan.Text()));
  for (int i = 0; i < plan.rounds + 2; ++i) {
    ASSERT_NO_FATAL_FAILURE(PlayRound());
    const std::string to = absl::StrCat(backup(), i);
    MR_ASSERT_OK_AND_ASSIGN(const BackupReport report,
                            Backup(PosixFileSystem(), state(), to, absl::Now()));
    EXPECT_THAT(report.losses, ::testing::IsEmpty());
    MR_ASSERT_OK_AND_ASSIGN(
        const BackupReport restored,
        Restore(PosixFileSystem(), to, absl::StrCat(fleet_.folder(), "/restored", i), absl::Now()));
    EXPECT_THAT(restored.losses, ::testing::IsEmpty());
    EXPECT_EQ(restored.models, report.models);
  }
  EXPECT_EQ(fleet_.AwaitEnd("tiny-1").phase(), v1::RUN_PHASE_FINISHED);
}

// Sites may have helped to unmask a run of which the backup knows nothing, or hold its update.
TEST_F(BackupTest, NoRunGetsTheIdOfOneThatBeganAfterTheBackup) {
  MR_ASSERT_OK_AND_ASSIGN(const v1::Run first, fleet_.as_operator().StartRun(Plan().Text()));
  MR_ASSERT_OK(Copy());
  MR_ASSERT_OK_AND_ASSIGN(const v1::Run lost, fleet_.as_operator().StartRun(Plan().Text()));
  ASSERT_NO_FATAL_FAILURE(RestoreAndStart());
  MR_ASSERT_OK_AND_ASSIGN(const v1::Run next, fleet_.as_operator().StartRun(Plan().Text()));
  EXPECT_THAT(lost.id(), ::testing::StartsWith("tiny-2-"));
  EXPECT_THAT(next.id(), ::testing::StartsWith("tiny-2-"));
  EXPECT_NE(next.id(), lost.id());
  EXPECT_EQ(fleet_.GetRun("tiny-1").id(), first.id());
}

TEST_F(BackupTest, StateOfAKilledCoordinatorCanBeCopiedToo) {
  MR_ASSERT_OK(fleet_.as_operator().StartRun(Plan().Text()));
  fleet_.coordinator().Kill();
  MR_ASSERT_OK_AND_ASSIGN(const BackupReport report, Copy());
  EXPECT_EQ(report.runs, 1);
}

TEST_F(BackupTest, FoldersThatAreNotAsTheyShouldBeAreRefusedByName) {
  FileSystem* const files = PosixFileSystem();
  const absl::Time now = absl::Now();
  EXPECT_THAT(Restore(files, backup(), state() + "2", now),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("backup.json is missing")));
  EXPECT_THAT(Backup(files, state() + "2", backup(), now),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("state2/store.sqlite")));
  EXPECT_FALSE(files->Exists(backup()));
  EXPECT_FALSE(files->Exists(backup() + ".partial"));
  MR_ASSERT_OK(Copy());
  EXPECT_THAT(Copy(), IsStatus(absl::StatusCode::kAlreadyExists, HasSubstr(backup())));
  EXPECT_THAT(Restore(files, backup(), state(), now),
              IsStatus(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr(state()), HasSubstr("not empty"))));
}

TEST_F(BackupTest, DamagedModelIsNamedAndCostsNoOtherRun) {
  MR_ASSERT_OK(fleet_.as_operator().StartRun(Plan().Text()));
  TinyPlan other = Plan();
  other.seed = 8;
  MR_ASSERT_OK(fleet_.as_operator().StartRun(other.Text()));
  MR_ASSERT_OK(Copy());
  MR_ASSERT_OK_AND_ASSIGN(const v1::Model model, fleet_.as_operator().GetModel("tiny-1", 0));
  const std::string name = Digest::FromBytes(model.parameters_sha256())->Hex();
  const std::string path = backup() + "/blobs/" + name.substr(0, 2) + "/" + name;
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), path, "something else"));

  fleet_.coordinator().Kill();
  std::filesystem::remove_all(state());
  MR_ASSERT_OK_AND_ASSIGN(const BackupReport report,
                          Restore(PosixFileSystem(), backup(), state(), absl::Now()));
  EXPECT_THAT(report.losses, ::testing::ElementsAre(AllOf(HasSubstr("run tiny-1"), HasSubstr(name),
                                                          HasSubstr("SHA-256"))));
  ASSERT_TRUE(fleet_.StartCoordinator());
  EXPECT_EQ(fleet_.GetRun("tiny-1").phase(), v1::RUN_PHASE_FAILED);
  EXPECT_THAT(fleet_.GetRun("tiny-1").note(), HasSubstr("version 0 is missing on disk"));
  EXPECT_EQ(fleet_.GetRun("tiny-2").phase(), v1::RUN_PHASE_RUNNING);
  const auto ignore = [](absl::string_view) { return absl::OkStatus(); };
  EXPECT_THAT(fleet_.as_operator().ExportModel("tiny-1", 0, ignore),
              IsStatus(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("run tiny-1-"), HasSubstr(": version 0 is not kept"))));
}

TEST_F(BackupTest, CommandLineSaysWhatItDid) {
  MR_ASSERT_OK(fleet_.as_operator().StartRun(Plan().Text()));
  std::ostringstream out;
  std::ostringstream err;
  CliEnvironment environment;
  environment.out = &out;
  environment.err = &err;
  environment.files = PosixFileSystem();
  environment.clock = SystemClock();
  environment.zone = absl::UTCTimeZone();
  EXPECT_EQ(RunCli({"backup", "--storage", state(), "--to", backup()}, environment), ExitCode::kOk)
      << err.str();
  EXPECT_THAT(out.str(), AllOf(HasSubstr(backup()), HasSubstr("1 runs, 1 models")));
  EXPECT_EQ(
      RunCli({"restore", "--from", backup(), "--storage", fleet_.folder() + "/other"}, environment),
      ExitCode::kOk)
      << err.str();
  EXPECT_EQ(RunCli({"restore", "--from", backup(), "--storage", state()}, environment),
            ExitCode::kRefused);
  EXPECT_THAT(err.str(), HasSubstr("not empty"));
}

TEST_F(BackupTest, DamagedStoreIsRefusedAtStartWithTheWayOut) {
  MR_ASSERT_OK(fleet_.as_operator().StartRun(Plan().Text()));
  fleet_.coordinator().Kill();
  std::filesystem::remove(state() + "/store.sqlite-wal");
  MR_ASSERT_OK(
      WriteFileDurably(PosixFileSystem(), state() + "/store.sqlite", std::string(20'000, '\xee')));
  testing::Process again({MILLRACE_COORDINATOR, "--config", fleet_.folder() + "/coordinator.toml"},
                         fleet_.folder() + "/again.log");
  EXPECT_EQ(again.AwaitExit(), 3);
  EXPECT_THAT(again.Log(), AllOf(HasSubstr("store.sqlite"), HasSubstr("millrace restore")));
}

}  // namespace
}  // namespace millrace
