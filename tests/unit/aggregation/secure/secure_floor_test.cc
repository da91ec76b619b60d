// SPDX-License-Identifier: Apache-2.0
// What a site asks for itself, whatever the plan says.
#include "aggregation/secure/secure_floor.h"

#include <gmock/gmock.h>

#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using absl::StatusCode;
using ::testing::AllOf;
using testing::FirstSites;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::IsStatus;
using testing::kMaskedModes;
using testing::PlanFor;
using testing::Refuses;
using testing::SecureCohort;
using testing::Sites;
using testing::Without;

TEST(SecureFloorTest, PlanThatProtectsLessThanTheSiteAsksIsRefused) {
  constexpr SecureMode kModes[] = {SecureMode::kOff, SecureMode::kHonestButCurious,
                                   SecureMode::kMalicious};
  for (size_t asked = 0; asked < std::size(kModes); ++asked) {
    for (size_t given = 0; given < std::size(kModes); ++given) {
      const absl::Status checked = CheckMode({.at_least = kModes[asked]}, PlanFor(kModes[given]));
      EXPECT_EQ(checked.ok(), given >= asked) << asked << ", " << given;
    }
  }
}

TEST(SecureFloorTest, RefusalNamesBothSidesKeys) {
  EXPECT_THAT(CheckMode(SecureFloor(), PlanFor(SecureMode::kOff)),
              IsStatus(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("the plan has secure_aggregation = \"off\""),
                             HasSubstr("[secure] at_least = \"honest_but_curious\""))));
}

TEST(SecureFloorTest, CohortBelowTheSitesOwnMinimumIsRefused) {
  SecureCohort cohort({.floor = {.minimum_cohort = 7}});
  MR_ASSERT_OK(cohort.Advertise(FirstSites(6)));
  EXPECT_THAT(cohort.client(0).TakeCohort(cohort.server().cohort(), cohort.certified_key()),
              Refuses(0, StatusCode::kFailedPrecondition,
                      "a cohort of 6 hides too little, at least 7 are needed by [secure] in this "
                      "site's configuration"));
}

TEST(SecureFloorTest, CohortOfTheSitesOwnMinimumIsTaken) {
  SecureCohort cohort({.floor = {.minimum_cohort = 6}});
  const Sites all = FirstSites(6);
  EXPECT_THAT(cohort.Run(testing::Attendance::Of(all)), IsOkAndHolds(cohort.PlainSum(all)));
}

// The plan's share of ten sites is one: six shares give a secret.
TEST(SecureFloorTest, ThreeMustSurviveBeyondTheCorruptThatTheSiteAssumes) {
  SecureCohort cohort({.sites = 10, .floor = {.corrupt = 4}});
  const Sites all = FirstSites(10);
  MR_ASSERT_OK(cohort.Advertise(all));
  MR_ASSERT_OK(cohort.Share(all));
  MR_ASSERT_OK(cohort.Upload(FirstSites(7)));
  EXPECT_THAT(cohort.client(0).TakeSurvivors({0, 1, 2, 3, 4, 5}),
              Refuses(0, StatusCode::kFailedPrecondition,
                      "6 survivors of 10 hide too little, at least 7 are needed"));
  EXPECT_THAT(cohort.FromAgree(FirstSites(7)), IsOkAndHolds(cohort.PlainSum(FirstSites(7))));
}

TEST(SecureFloorTest, ThresholdWithinReachOfTheCorruptIsRefused) {
  for (const SecureMode mode : kMaskedModes) {
    // Two sets of six of the ten have two sites in common.
    const int64_t largest = mode == SecureMode::kMalicious ? 1 : 5;
    SecureCohort safe({.sites = 10, .plan = PlanFor(mode), .floor = {.corrupt = largest}});
    MR_ASSERT_OK(safe.Advertise(FirstSites(10)));
    MR_EXPECT_OK(safe.client(0).TakeCohort(safe.server().cohort(), safe.certified_key()));
    SecureCohort unsafe({.sites = 10, .plan = PlanFor(mode), .floor = {.corrupt = largest + 1}});
    MR_ASSERT_OK(unsafe.Advertise(FirstSites(10)));
    EXPECT_THAT(unsafe.client(0).TakeCohort(unsafe.server().cohort(), unsafe.certified_key()),
                Refuses(0, StatusCode::kFailedPrecondition, "within reach of"));
  }
}

TEST(SecureFloorTest, PlanThatAssumesAsManyCorruptSuitsTheSite) {
  SecurePlan plan = PlanFor(SecureMode::kMalicious);
  plan.corrupt_share = 0.3;
  SecureCohort cohort({.sites = 10, .plan = plan, .floor = {.corrupt = 3}});
  const Sites all = FirstSites(10), most = Without(all, {4, 9});
  EXPECT_THAT(cohort.Run({all, all, most, most, most}), IsOkAndHolds(cohort.PlainSum(most)));
}

}  // namespace
}  // namespace millrace
