// SPDX-License-Identifier: Apache-2.0
// A coordinator's process whose files cannot grow any more: it takes no update, says why, and goes
// on when there is space.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::Fleet;
using ::testing::HasSubstr;
using testing::HeaderOf;
using testing::HonestUpdate;
using testing::IsStatus;
using testing::Process;
using testing::SendBytes;
using testing::SiteUpdate;
using testing::TakePart;
using testing::TinyPlan;

constexpr rlim_t kNoSpace = 1 << 20;  // bytes per file
constexpr absl::StatusCode kExhausted = absl::StatusCode::kResourceExhausted;

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    // Inherited by the coordinator: a write over the limit then fails with EFBIG instead.
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ASSERT_TRUE(fleet_.StartCoordinator());
  }
  void TearDown() override { std::signal(SIGXFSZ, old_handler_); }

  void LimitFiles(rlim_t bytes) {
    const rlimit limit{bytes, RLIM_INFINITY};
    ASSERT_EQ(::prlimit(fleet_.coordinator().pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  }

  /// A limit of the files of this process for a moment, which the coordinator's keeps.
  std::unique_ptr<Process> KillAndStartWithoutSpace() {
    fleet_.coordinator().Kill();
    rlimit usual;
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &usual), 0);
    const rlimit room_for_a_log{16 << 10, usual.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &room_for_a_log), 0);
    const std::string folder = fleet_.folder();
    auto process = std::make_unique<Process>(
        std::vector<std::string>{MILLRACE_COORDINATOR, "--config", folder + "/coordinator.toml"},
        folder + "/again.log");
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &usual), 0);
    return process;
  }
  static bool Says(const Process& process, const std::string& words) {
    return testing::Eventually([&] { return process.Log().find(words) != std::string::npos; });
  }

  /// 2,000 x 1,000 weights: files of 8 MB.
  static TinyPlan LargePlan() {
    TinyPlan plan;
    plan.rounds = 1;
    plan.cohort = "target = 1\nwait_s = 0\n";
    plan.normalization = "none";
    plan.window = 2000;
    plan.hidden = 1000;
    return plan;
  }

  void (*old_handler_)(int) = SIG_DFL;
  Fleet fleet_{MILLRACE_COORDINATOR};
};

TEST_F(FullDisk, RunDoesNotStartUntilThereIsSpace) {
  LimitFiles(kNoSpace);
  EXPECT_THAT(fleet_.as_operator().StartRun(LargePlan().Text()),
              IsStatus(kExhausted, AllOf(HasSubstr("state/blobs"), HasSubstr("File too large"))));
  EXPECT_EQ(fleet_.as_operator().ListRuns()->runs_size(), 0);
  LimitFiles(RLIM_INFINITY);
  EXPECT_TRUE(
      testing::Eventually([&] { return fleet_.as_operator().StartRun(LargePlan().Text()).ok(); }));
}

TEST_F(FullDisk, StartWaitsForSpace) {
  const auto again = KillAndStartWithoutSpace();
  ASSERT_TRUE(Says(*again, "start waits")) << again->Log();
  EXPECT_THAT(again->Log(), HasSubstr("state/store.sqlite"));
  const rlimit space{RLIM_INFINITY, RLIM_INFINITY};
  ASSERT_EQ(::prlimit(again->pid(), RLIMIT_FSIZE, &space, nullptr), 0);
  EXPECT_TRUE(Says(*again, "port ")) << again->Log();
}

TEST_F(FullDisk, StartThatWaitsEndsWhenItIsAskedTo) {
  const auto again = KillAndStartWithoutSpace();
  ASSERT_TRUE(Says(*again, "start waits")) << again->Log();
  again->Signal(SIGTERM);
  EXPECT_EQ(again->AwaitExit(), 0) << again->Log();
}

TEST_F(FullDisk, UpdateIsRefusedAndTakenWhenThereIsSpace) {
  MR_ASSERT_OK(fleet_.as_operator().StartRun(LargePlan().Text()));
  Link link(SiteLink(fleet_.federation(), "press-7", fleet_.port()));
  MR_ASSERT_OK_AND_ASSIGN(const v1::Assignment assignment, testing::AwaitAssignment(link));
  const SiteUpdate update = HonestUpdate("press-7", assignment);
  LimitFiles(kNoSpace);
  EXPECT_THAT(SendBytes(link, HeaderOf(assignment, update), update.Bytes()),
              IsStatus(kExhausted, AllOf(HasSubstr("site press-7"), HasSubstr("File too large"))));
  const v1::Run run = fleet_.GetRun("tiny-1");
  EXPECT_EQ(run.phase(), v1::RUN_PHASE_RUNNING);
  EXPECT_EQ(run.history(0).phase(), v1::ROUND_PHASE_OPEN);

  LimitFiles(RLIM_INFINITY);
  EXPECT_TRUE(testing::Eventually([&] {
    const auto sent = SendBytes(link, HeaderOf(assignment, update), update.Bytes());
    return sent.ok() && sent->accepted();
  }));
  MR_EXPECT_OK(TakePart(link, "press-7"));
  EXPECT_EQ(fleet_.AwaitEnd("tiny-1").phase(), v1::RUN_PHASE_FINISHED) << fleet_.Logs();
}

}  // namespace
}  // namespace millrace
