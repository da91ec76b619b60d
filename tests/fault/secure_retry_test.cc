// SPDX-License-Identifier: Apache-2.0
// A coordinator that asks for a round again which sites have unmasked, as one does whose state was
// set back: real processes, of which the sites remember.
#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>

#include "coordinator/store/sqlite_store.h"
#include "tests/fault/secure_fleet.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::_;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::SecureFleet;
using testing::TinyPlan;

class SecureRetryTest : public SecureFleet {
 protected:
  static constexpr int kSites = 6;

  SecureRetryTest() : tiny_(PlanOf("malicious", kSites, kSites - 1)) {
    // The first phase begins before its sites are started anew.
    tiny_.cohort = absl::StrCat("attempts = 1\ntarget = ", kSites, "\nminimum = ", kSites - 1,
                                "\nwait_s = 2\ndeadline_s = 90\n[secure]\nphase_s = 10\n");
  }

  std::string state() const { return fleet_.folder() + "/state"; }
  std::string before() const { return fleet_.folder() + "/before"; }

  /// Starts the run and keeps the coordinator's state as it is before any site has sent anything.
  void StartRun() {
    ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
    fleet_.site("site-000").Signal(SIGSTOP);
    MR_ASSERT_OK(fleet_.as_operator().StartRun(tiny_.Text()));
    ASSERT_TRUE(testing::Eventually([&] { return fleet_.GetRun("tiny-1").history_size() > 0; }));
    ASSERT_EQ(fleet_.GetRun("tiny-1").history(0).cohort_size(), kSites);
    std::filesystem::create_directory(before());
    MR_ASSERT_OK(CopySqliteStore(state() + "/store.sqlite", before() + "/store.sqlite"));
    std::filesystem::copy(state() + "/blobs", before() + "/blobs",
                          std::filesystem::copy_options::recursive);
    fleet_.site("site-000").Signal(SIGCONT);
  }

  /// All sites have helped to unmask round 1 and no later one, and are gone.
  void UnmaskRoundOne() {
    ASSERT_TRUE(fleet_.StartCoordinator());
    StartSites(Names(kSites), "advertise", 2);
    StartRun();
    ASSERT_EQ(fleet_.site("site-000").AwaitExit(), std::nullopt) << "it kills itself";
    ASSERT_EQ(fleet_.GetRun("tiny-1").version(), 1) << fleet_.Logs();
  }

  /// The same coordinator as it was when the run had begun.
  void SetCoordinatorBack() {
    fleet_.coordinator().Kill();
    std::filesystem::remove_all(state());
    std::filesystem::rename(before(), state());
    ASSERT_TRUE(fleet_.StartCoordinator());
  }

  /// Of round 1, once the run has failed at it.
  v1::Round FailedRound() {
    const v1::Run run = fleet_.AwaitEnd("tiny-1");
    EXPECT_EQ(run.phase(), v1::RUN_PHASE_FAILED) << fleet_.Logs();
    EXPECT_EQ(run.version(), 0);
    return run.history_size() > 0 ? run.history(0) : v1::Round();
  }

  TinyPlan tiny_;
};

TEST_F(SecureRetryTest, NoSecondSumOfARoundThatLeavesOneSiteOut) {
  UnmaskRoundOne();
  SetCoordinatorBack();
  StartSites(Names(kSites - 1));
  const v1::Round round = FailedRound();
  EXPECT_EQ(round.received_size(), kSites - 1) << "they took part until they saw who survived";
  EXPECT_THAT(
      round.failures(),
      Contains(Pair(::testing::_, HasSubstr(" round 1 attempt 1: this site has helped to unmask "
                                            "attempt 1 of the round with other survivors"))))
      << fleet_.Logs();
}

TEST_F(SecureRetryTest, SameSumIsUnmaskedAgain) {
  UnmaskRoundOne();
  SetCoordinatorBack();
  StartSites(Names(kSites));
  const v1::Run run = fleet_.AwaitEnd("tiny-1");
  EXPECT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet_.Logs();
}

TEST_F(SecureRetryTest, OlderRoundIsNotEvenJoined) {
  ASSERT_TRUE(fleet_.StartCoordinator());
  StartSites(Names(kSites));
  StartRun();
  ASSERT_EQ(fleet_.AwaitEnd("tiny-1").phase(), v1::RUN_PHASE_FINISHED) << fleet_.Logs();
  SetCoordinatorBack();
  StartSites(Names(kSites));  // anew: what they remember is on their disks
  const v1::Round round = FailedRound();
  EXPECT_EQ(round.received_size(), 0);
  EXPECT_THAT(
      round.failures(),
      Contains(Pair(::testing::_, HasSubstr(" round 1 attempt 1: this site has helped to unmask "
                                            "round 2 attempt 1 of the run"))))
      << fleet_.Logs();
}

}  // namespace
}  // namespace millrace
