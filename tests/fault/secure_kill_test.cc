// SPDX-License-Identifier: Apache-2.0
// Secure rounds between real processes over mTLS, one of ten sites killed with SIGKILL in each
// phase in turn, or the coordinator: the round's result is the mean of those whose updates are in.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/fault/secure_fleet.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::SecureFleet;
using testing::TinyPlan;

constexpr int kSites = 10;
constexpr char kVictim[] = "site-003";

struct Death {
  const char* name;
  const char* before;  // the call of the victim that never comes
  const char* mode;
  bool counted;  // the victim's update is in when it dies
};
void PrintTo(const Death& death, std::ostream* out) { *out << death.name; }

class SecureRoundTest : public SecureFleet {
 protected:
  /// Ten sites, of whom the victim kills itself before a call of round 1.
  void StartTenSites(const std::string& victim_dies_before) {
    for (const std::string& name : Names(kSites)) {
      StartSites({name}, name == kVictim ? victim_dies_before : "");
    }
  }
};

// The victim's absence keeps the masking phase open until its deadline, with nine updates in.
TEST_F(SecureRoundTest, CoordinatorThatIsKilledWhileUpdatesComeInUnmasksThemAfterItsRestart) {
  const TinyPlan tiny = PlanOf("malicious", kSites, 6);
  MR_ASSERT_OK_AND_ASSIGN(const Plan plan, ParsePlan(tiny.Text()));
  ASSERT_TRUE(fleet_.StartCoordinator());
  StartTenSites("upload");
  ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
  MR_ASSERT_OK(fleet_.as_operator().StartRun(tiny.Text()));
  ASSERT_TRUE(Eventually([&] {
    const v1::Run run = fleet_.GetRun("tiny-1");
    return run.history_size() > 0 && run.history(0).received_size() == kSites - 1;
  })) << fleet_.Logs();
  fleet_.coordinator().Kill();
  ASSERT_TRUE(fleet_.StartCoordinator());
  const v1::Run run = fleet_.AwaitEnd("tiny-1");
  ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet_.Logs();
  const v1::Round& round = run.history(0);
  EXPECT_EQ(round.phase(), v1::ROUND_PHASE_COMMITTED) << "in its first attempt" << fleet_.Logs();
  ExpectMeanOf({round.received().begin(), round.received().end()}, plan);
}

class SecureKillTest : public SecureRoundTest, public ::testing::WithParamInterface<Death> {};

TEST_P(SecureKillTest, RoundIsTheMeanOfThoseWhoseUpdatesAreIn) {
  const TinyPlan tiny = PlanOf(GetParam().mode, kSites, 6);
  MR_ASSERT_OK_AND_ASSIGN(const Plan plan, ParsePlan(tiny.Text()));
  ASSERT_TRUE(fleet_.StartCoordinator());
  StartTenSites(GetParam().before);
  ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
  MR_ASSERT_OK(fleet_.as_operator().StartRun(tiny.Text()));
  const v1::Run run = fleet_.AwaitEnd("tiny-1");
  ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet_.Logs();
  EXPECT_EQ(run.secure_aggregation(), GetParam().mode);

  const v1::Round& round = run.history(0);
  ASSERT_EQ(round.round(), 1);
  EXPECT_EQ(round.phase(), v1::ROUND_PHASE_COMMITTED) << "in its first attempt";
  const std::vector<std::string> received(round.received().begin(), round.received().end());
  EXPECT_EQ(received.size(), static_cast<size_t>(GetParam().counted ? kSites : kSites - 1));
  EXPECT_EQ(std::count(received.begin(), received.end(), kVictim), GetParam().counted ? 1 : 0);

  ExpectMeanOf(received, plan);
}

const Death kDeaths[] = {
    {"Nobody", "", "honest_but_curious", true},
    {"BeforeAdvertising", "advertise", "honest_but_curious", false},
    {"BeforeSharing", "share", "honest_but_curious", false},
    {"BeforeUploading", "upload", "honest_but_curious", false},
    {"BeforeHearingWhoSurvived", "agree", "honest_but_curious", true},
    {"BeforeUnmasking", "unmask", "honest_but_curious", true},
    {"NobodyMalicious", "", "malicious", true},
    {"BeforeUploadingMalicious", "upload", "malicious", false},
    {"BeforeAgreeingMalicious", "agree", "malicious", true},
    {"BeforeUnmaskingMalicious", "unmask", "malicious", true},
};
INSTANTIATE_TEST_SUITE_P(Deaths, SecureKillTest, ::testing::ValuesIn(kDeaths),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace millrace
