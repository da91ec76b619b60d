// SPDX-License-Identifier: Apache-2.0
// A run that waits for drift, at a real coordinator that is killed while it waits and after it has
// begun; and what a site says of its drift that cannot be.
#include <gmock/gmock.h>

#include <limits>

#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::TakePart;
using testing::TinyPlan;

v1::ModelDrift DriftOfTiny() {
  v1::ModelDrift drift;
  drift.set_name("tiny");
  drift.set_parameters_sha256(std::string(32, '\x07'));
  drift.set_channels_watched(3);
  drift.set_channels_in_drift(1);
  drift.set_level(1.5);
  drift.set_lasts_s(60);
  return drift;
}

v1::CheckInRequest CheckInWith(const std::vector<v1::ModelDrift>& drift) {
  v1::CheckInRequest request;
  request.set_version("test");
  request.mutable_drift()->Assign(drift.begin(), drift.end());
  return request;
}

class DriftStartTest : public ::testing::Test {
 protected:
  void SetUp() override { Restart(); }

  /// The coordinator, after a kill if it was there, and links to it.
  void Restart() {
    ASSERT_TRUE(fleet_.StartCoordinator());
    for (const char* site : {"a", "b", "c"}) {
      links_[site] =
          std::make_unique<Link>(testing::SiteLink(fleet_.federation(), site, fleet_.port()));
    }
  }
  void KillCoordinator() {
    fleet_.coordinator().Kill();
    Restart();
  }
  void StartRunOnDrift() {
    TinyPlan plan;
    plan.rounds = 1;
    plan.normalization = "none";
    plan.cohort = "target = 2\nminimum = 2\nwait_s = 60\n[start]\non_drift_share = 0.5\n";
    MR_ASSERT_OK(fleet_.as_operator().StartRun(plan.Text()));
  }
  void Tell(const std::string& site, const std::vector<v1::ModelDrift>& drift) {
    MR_ASSERT_OK(links_[site]->CheckIn(CheckInWith(drift)));
  }
  bool WaitsSaying(const std::string& why) {
    return Eventually([&] { return fleet_.GetRun("tiny-1").held_up() == why; });
  }

  testing::Fleet fleet_{MILLRACE_COORDINATOR};
  std::map<std::string, std::unique_ptr<Link>> links_;
};

TEST_F(DriftStartTest, SecondSiteThatDriftsStartsTheRunWhateverDiesInBetween) {
  StartRunOnDrift();
  for (const char* site : {"b", "c"}) Tell(site, {});
  Tell("a", {DriftOfTiny()});
  ASSERT_TRUE(WaitsSaying("waits for drift: 1 of 3 sites (needs 2)")) << fleet_.Logs();

  KillCoordinator();
  ASSERT_TRUE(WaitsSaying("waits for drift: 0 of 3 sites (needs 2)")) << fleet_.Logs();
  Tell("a", {DriftOfTiny()});
  ASSERT_TRUE(WaitsSaying("waits for drift: 1 of 3 sites (needs 2)")) << fleet_.Logs();
  EXPECT_EQ(fleet_.GetRun("tiny-1").history_size(), 0);
  Tell("b", {DriftOfTiny()});
  constexpr char kStartedBy[] = "drift at 2 of 3 sites (needed 2)";
  ASSERT_TRUE(Eventually([&] { return fleet_.GetRun("tiny-1").started_by() == kStartedBy; }))
      << fleet_.Logs();

  KillCoordinator();
  EXPECT_EQ(fleet_.GetRun("tiny-1").started_by(), kStartedBy);
  for (int round = 0; round < 2; ++round) {              // of training and of evaluation
    for (const char* site : {"a", "b"}) Tell(site, {});  // the drift is over, the run is not
    for (const char* site : {"a", "b"}) MR_ASSERT_OK(TakePart(*links_[site], site));
  }
  const v1::Run ended = fleet_.AwaitEnd("tiny-1");
  EXPECT_EQ(ended.phase(), v1::RUN_PHASE_FINISHED) << ended.note() << fleet_.Logs();
  EXPECT_EQ(ended.started_by(), kStartedBy);
}

TEST_F(DriftStartTest, RunThatWaitsIsStoppedByItsOperator) {
  StartRunOnDrift();
  MR_ASSERT_OK(fleet_.as_operator().StopRun("tiny-1", "changed my mind"));
  for (const char* site : {"a", "b"}) Tell(site, {DriftOfTiny()});
  EXPECT_EQ(fleet_.GetRun("tiny-1").phase(), v1::RUN_PHASE_STOPPED);
  EXPECT_EQ(fleet_.GetRun("tiny-1").started_by(), "");
}

TEST_F(DriftStartTest, DriftThatCannotBeIsRefusedAndLeavesWhatWasTold) {
  Tell("a", {DriftOfTiny()});
  v1::ModelDrift absurd = DriftOfTiny();
  absurd.set_channels_in_drift(1'000'000);
  EXPECT_THAT(links_["a"]->CheckIn(CheckInWith({absurd})),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("site a: drift of model tiny"),
                             HasSubstr("channels_in_drift = 1000000"))));
  absurd = DriftOfTiny();
  absurd.set_level(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(links_["a"]->CheckIn(CheckInWith({absurd})),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("level = nan")));
  MR_ASSERT_OK_AND_ASSIGN(const v1::ListSitesResponse sites, fleet_.as_operator().ListSites());
  ASSERT_EQ(sites.sites_size(), 1);
  ASSERT_EQ(sites.sites(0).drift_size(), 1);
  EXPECT_EQ(sites.sites(0).drift(0).SerializeAsString(), DriftOfTiny().SerializeAsString());
}

}  // namespace
}  // namespace millrace
