// SPDX-License-Identifier: Apache-2.0
// The coordinator of a secure round killed with SIGKILL in each of the round's phases, between real
// processes over mTLS: started again it goes on with the very same attempt, and nobody's update is
// lost.
#include <gmock/gmock.h>

#include "tests/fault/secure_fleet.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::SecureFleet;
using testing::TinyPlan;

constexpr int kCohort = 10;
constexpr int kGoOn = 4;  // too few to unmask the others' sum

/// The coordinator dies while some sites have called and the others are about to.
struct CoordinatorDeath {
  const char* name;
  const char* phase;   // as operators see it
  const char* before;  // the call that the others have not made yet
  const char* mode;
};
void PrintTo(const CoordinatorDeath& death, std::ostream* out) { *out << death.name; }

class SecureCoordinatorKillTest : public SecureFleet,
                                  public ::testing::WithParamInterface<CoordinatorDeath> {
 protected:
  /// Phases that end when all are done, not by the clock.
  static TinyPlan PatientPlan(const std::string& mode) {
    TinyPlan plan = PlanOf(mode, kCohort, 6);
    plan.cohort = absl::StrCat("target = ", kCohort, "\nminimum = 6\nwait_s = 60\n",
                               "deadline_s = 120\nbackoff_s = 1\n[secure]\nphase_s = 60\n");
    return plan;
  }
};

TEST_P(SecureCoordinatorKillTest, SameAttemptGoesOnAndItsSumIsOfAllSites) {
  const TinyPlan tiny = PatientPlan(GetParam().mode);
  MR_ASSERT_OK_AND_ASSIGN(const Plan plan, ParsePlan(tiny.Text()));
  const std::vector<std::string> names = Names(kCohort);
  const std::vector<std::string> waiting(names.begin() + kGoOn, names.end());
  ASSERT_TRUE(fleet_.StartCoordinator());
  StartSites({names.begin(), names.begin() + kGoOn});
  StartSitesThatWait(waiting, GetParam().before);
  ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
  MR_ASSERT_OK(fleet_.as_operator().StartRun(tiny.Text()));
  ASSERT_TRUE(AwaitWaiting(waiting)) << fleet_.Logs();
  ASSERT_TRUE(Eventually([&] {
    const v1::Run run = fleet_.GetRun("tiny-1");
    return run.history_size() > 0 && run.history(0).secure_phase() == GetParam().phase;
  })) << fleet_.Logs();

  fleet_.coordinator().Kill();
  ASSERT_TRUE(fleet_.StartCoordinator());
  EXPECT_EQ(fleet_.GetRun("tiny-1").history(0).secure_phase(), GetParam().phase);
  Release();

  const v1::Run run = fleet_.AwaitEnd("tiny-1");
  ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet_.Logs();
  const v1::Round& round = run.history(0);
  EXPECT_EQ(round.phase(), v1::ROUND_PHASE_COMMITTED) << "in its first attempt" << fleet_.Logs();
  EXPECT_EQ(std::vector<std::string>(round.received().begin(), round.received().end()), names);
  ExpectMeanOf(names, plan);
}

const CoordinatorDeath kCoordinatorDeaths[] = {
    {"Advertising", "advertise", "advertise", "honest_but_curious"},
    {"Sharing", "share", "share", "honest_but_curious"},
    {"Uploading", "mask", "upload", "honest_but_curious"},
    {"Unmasking", "unmask", "unmask", "honest_but_curious"},
    {"AdvertisingMalicious", "advertise", "advertise", "malicious"},
    {"SharingMalicious", "share", "share", "malicious"},
    {"UploadingMalicious", "mask", "upload", "malicious"},
    {"AgreeingMalicious", "agree", "agree", "malicious"},
    {"UnmaskingMalicious", "unmask", "unmask", "malicious"},
};
INSTANTIATE_TEST_SUITE_P(Phases, SecureCoordinatorKillTest, ::testing::ValuesIn(kCoordinatorDeaths),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace millrace
