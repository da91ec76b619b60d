// SPDX-License-Identifier: Apache-2.0
// Which sites a round may count on, and what the registry knows of them.
#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/engine_rig.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::EngineRig;
using ::testing::HasSubstr;
using testing::IsStatus;

const testing::TinyPlan kPatient{.cohort = "target = 3\nminimum = 2\nwait_s = 10\n"};

std::vector<std::string> CohortAfter(EngineRig& rig, absl::Duration wait) {
  rig.clock().Advance(wait);
  rig.engine().Step();
  const RunState run = rig.Run();
  return run.Current() == nullptr ? std::vector<std::string>() : run.Current()->cohort;
}

void CheckIn(EngineRig& rig, const std::vector<std::string>& sites) {
  for (const std::string& site : sites) MR_ASSERT_OK(rig.engine().CheckIn(site, "0.1"));
}

TEST(EnginePresence, SiteThatHungUpIsNotInvited) {
  EngineRig rig;
  rig.Start(kPatient);
  CheckIn(rig, {"a", "b", "c"});
  rig.engine().Leave("b");
  EXPECT_THAT(CohortAfter(rig, absl::Seconds(10)), ElementsAre("a", "c"));
}

TEST(EnginePresence, SiteThatCheckedInAgainIsInvited) {
  EngineRig rig;
  rig.Start(kPatient);
  CheckIn(rig, {"a", "b", "c"});
  rig.engine().Leave("b");
  CheckIn(rig, {"b"});
  EXPECT_THAT(CohortAfter(rig, absl::ZeroDuration()), ElementsAre("a", "b", "c"));
}

TEST(EnginePresence, SiteThatObjectsIsNotInvitedUntilItDoesNot) {
  EngineRig rig;
  rig.Start(kPatient);
  CheckIn(rig, {"a", "b", "c"});
  MR_ASSERT_OK(rig.engine().CheckIn("b", "0.1", "paused at the site"));
  EXPECT_EQ(rig.engine().Sites()[1].objection(), "paused at the site");
  EXPECT_THAT(CohortAfter(rig, absl::ZeroDuration()), ElementsAre());
  CheckIn(rig, {"b"});
  EXPECT_THAT(CohortAfter(rig, absl::ZeroDuration()), ElementsAre("a", "b", "c"));
}

TEST(EnginePresence, SitesAreShownWithTheModelsThatTheyServe) {
  EngineRig rig;
  rig.Start(kPatient);
  v1::ServedModel model;
  model.set_name("pumps");
  model.set_version(3);
  rig.engine().NoteServing("b", {model});  // has not checked in
  CheckIn(rig, {"a", "b"});
  rig.engine().NoteServing("a", {model});
  ASSERT_EQ(rig.engine().Sites()[0].serving_size(), 1);
  EXPECT_EQ(rig.engine().Sites()[0].serving(0).version(), 3);
  EXPECT_EQ(rig.engine().Sites()[1].serving_size(), 0);
  rig.engine().NoteServing("a", {});
  EXPECT_EQ(rig.engine().Sites()[0].serving_size(), 0);
}

TEST(EnginePresence, RoundGoesOnWithoutASiteThatObjectsInItsMiddle) {
  EngineRig rig;
  rig.Start(kPatient);
  CheckIn(rig, {"a", "b", "c"});
  rig.engine().Step();
  EXPECT_THAT(rig.engine().CheckIn("b", "0.1", "maintenance"),
              testing::IsOkAndHolds(::testing::Eq(std::nullopt)));
  EXPECT_THAT(rig.Run().Current()->failures, ElementsAre(::testing::Pair("b", "maintenance")));
}

TEST(EnginePresence, SiteThatFellSilentIsNotInvited) {
  EngineRig rig;
  rig.Start(kPatient);
  CheckIn(rig, {"b"});
  rig.clock().Advance(absl::Seconds(29));
  CheckIn(rig, {"a", "c"});
  EXPECT_THAT(CohortAfter(rig, absl::Seconds(2)), ElementsAre("a", "c"));
}

TEST(EnginePresence, RoundWaitsForMinimumSites) {
  EngineRig rig;
  rig.Start(kPatient);
  CheckIn(rig, {"a"});
  EXPECT_THAT(CohortAfter(rig, absl::Seconds(20)), ElementsAre());
  CheckIn(rig, {"b"});
  EXPECT_THAT(CohortAfter(rig, absl::ZeroDuration()), ElementsAre("a", "b"));
}

TEST(EnginePresence, SiteOutsideTheListIsTurnedAwayWithTheWayIn) {
  EngineOptions options;
  options.allowed_sites = {"a", "b"};
  EngineRig rig(options);
  EXPECT_THAT(rig.engine().CheckIn("mallory", "0.1"),
              IsStatus(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("site mallory"), HasSubstr("[sites] allowed"))));
  EXPECT_TRUE(rig.engine().Sites().empty());
  CheckIn(rig, {"a"});
}

TEST(EnginePresence, RegistryRemembersSitesAndTheirUpdatesAcrossARestart) {
  EngineRig rig;
  rig.Start(kPatient);
  rig.OpenRound({"a", "b", "c"});
  MR_ASSERT_OK(rig.SendHonest("b"));
  const absl::Time seen = rig.clock().Now();
  rig.clock().Advance(absl::Minutes(5));
  rig.Restart();
  const std::vector<v1::Site> sites = rig.engine().Sites();
  ASSERT_EQ(sites.size(), 3u);
  EXPECT_EQ(sites[1].name(), "b");
  EXPECT_EQ(sites[1].updates(), 1);
  EXPECT_EQ(sites[1].version(), "test");
  EXPECT_EQ(sites[1].first_seen_ms(), absl::ToUnixMillis(seen));
  EXPECT_FALSE(sites[1].connected());
  EXPECT_EQ(sites[0].updates(), 0);
}

TEST(EnginePresence, LatestReportOfASiteIsShown) {
  EngineRig rig;
  CheckIn(rig, {"a"});
  v1::ReportRequest report;
  report.set_activity(v1::ACTIVITY_WORKING);
  report.set_step(17);
  rig.engine().Report("a", report);
  rig.engine().Report("unknown", report);  // changes nothing
  const std::vector<v1::Site> sites = rig.engine().Sites();
  ASSERT_EQ(sites.size(), 1u);
  EXPECT_EQ(sites[0].report().step(), 17);
  EXPECT_TRUE(sites[0].connected());
}

}  // namespace
}  // namespace millrace
