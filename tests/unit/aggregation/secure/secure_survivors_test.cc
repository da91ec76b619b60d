// SPDX-License-Identifier: Apache-2.0
// Attacks with the list of those whose updates are in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/cohort_graph.h"
#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the cohort's words
using absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SurvivorsAttackTest : public ::testing::TestWithParam<SecureMode> {
 protected:
  /// Up to the masks of `upload`; the coordinator says later who survived.
  void MaskThose(const Sites& share, const Sites& upload) {
    MR_ASSERT_OK(cohort_.Advertise(all_));
    MR_ASSERT_OK(cohort_.Share(share));
    MR_ASSERT_OK(cohort_.Upload(upload));
  }
  absl::StatusOr<std::string> Tell(int site, const std::vector<int32_t>& survivors) {
    return cohort_.client(site).TakeSurvivors(survivors);
  }
  void ExpectGoesOn(const Sites& upload) {
    EXPECT_THAT(cohort_.FromAgree(upload), IsOkAndHolds(cohort_.PlainSum(upload)));
  }

  const Sites all_ = FirstSites(6);
  SecureCohort cohort_{{.plan = PlanFor(GetParam())}};
};

INSTANTIATE_TEST_SUITE_P(Modes, SurvivorsAttackTest, ::testing::ValuesIn(kMaskedModes),
                         [](const auto& mode) { return std::string(millrace::Name(mode.param)); });

TEST_P(SurvivorsAttackTest, ASiteThatIsLeftOutOfTheListHelpsNobody) {
  MaskThose(all_, all_);
  EXPECT_THAT(Tell(3, {0, 1, 2, 4, 5}), Refuses(3, StatusCode::kFailedPrecondition,
                                                "is not among the survivors it was shown"));
  EXPECT_THAT(cohort_.client(3).Reveal({}),
              Refuses(3, StatusCode::kFailedPrecondition, "was not told who survived"));
  ExpectGoesOn(all_);
}

TEST_P(SurvivorsAttackTest, ASiteThatNeverSharedCannotHaveSurvived) {
  const Sites share = {0, 1, 2, 4, 5};
  MaskThose(share, share);
  for (const int site : share) {
    EXPECT_THAT(Tell(site, {0, 1, 2, 3, 4, 5}),
                Refuses(site, StatusCode::kFailedPrecondition,
                        "site press-003 survived but never took part"));
  }
  ExpectGoesOn(share);
}

// Nobody but the site itself can know. The lie gains nothing: its masks are never taken off.
TEST_P(SurvivorsAttackTest, TheSumWithoutAListedSitesVectorStaysMasked) {
  MaskThose(all_, all_);
  const Sites in = {0, 1, 2, 3, 4};  // the coordinator lists site 5, and leaves its vector out
  MR_ASSERT_OK(cohort_.Agree(in));
  MR_ASSERT_OK_AND_ASSIGN(const Words sum, cohort_.FromReveal(in));
  const Words plain = cohort_.PlainSum(in);
  for (size_t i = 0; i < sum.size(); ++i) {
    EXPECT_NE(sum[i] - cohort_.masked(5)[i], plain[i]);  // alike by chance: 300 * 2^-32
  }
}

TEST_P(SurvivorsAttackTest, ASiteThatSentNothingAgreesToNothing) {
  MaskThose(all_, {0, 1, 2, 3, 4});
  EXPECT_THAT(Tell(5, {0, 1, 2, 3, 4, 5}),
              Refuses(5, StatusCode::kFailedPrecondition, "has sent no update yet"));
  ExpectGoesOn({0, 1, 2, 3, 4});
}

TEST_P(SurvivorsAttackTest, ASecondStoryIsRefusedByTheSiteThatWasToldTheFirst) {
  MaskThose(all_, all_);
  MR_ASSERT_OK(Tell(0, {0, 1, 2, 3, 4, 5}));
  EXPECT_THAT(Tell(0, {0, 1, 2, 3, 4}),
              Refuses(0, StatusCode::kFailedPrecondition, "was shown other survivors before"));
  ExpectGoesOn(all_);
}

// Who survived gives its seed; if it could drop out later, it would give its mask key as well.
TEST_P(SurvivorsAttackTest, BothSharesOfOneNeighbourAreNotToBeHad) {
  MaskThose(all_, all_);
  MR_ASSERT_OK(cohort_.Agree(all_));
  MR_ASSERT_OK_AND_ASSIGN(const v1::UnmaskRequest first,
                          cohort_.client(0).Reveal(cohort_.server().agreements()));
  EXPECT_THAT(Tell(0, {0, 1, 2, 3, 4}),
              Refuses(0, StatusCode::kFailedPrecondition, "was shown other survivors before"));
  MR_ASSERT_OK_AND_ASSIGN(const v1::UnmaskRequest second,
                          cohort_.client(0).Reveal(cohort_.server().agreements()));
  EXPECT_EQ(second.SerializeAsString(), first.SerializeAsString());
  for (const v1::RevealedShare& share : first.shares()) EXPECT_TRUE(share.has_seed());
}

TEST_P(SurvivorsAttackTest, ListsOutOfShapeAreRefused) {
  MaskThose(all_, all_);
  for (const std::vector<int32_t>& survivors : {std::vector<int32_t>{0, 1, 2, 4, 3, 5},
                                                {0, 1, 2, 3, 3},
                                                {-1, 0, 1, 2, 3},
                                                {0, 1, 2, 3, 6},
                                                {0, 1, 2, 3, 2'000'000'000}}) {
    EXPECT_THAT(Tell(0, survivors), Refuses(0, StatusCode::kInvalidArgument,
                                            "survivors out of order, twice or outside the cohort"));
  }
  EXPECT_THAT(Tell(0, {}), Refuses(0, StatusCode::kFailedPrecondition, "is not among"));
  ExpectGoesOn(all_);
}

TEST_P(SurvivorsAttackTest, FewerSurvivorsThanTheThresholdAreRefused) {
  MaskThose(all_, all_);
  EXPECT_THAT(Tell(0, {0, 1, 2}),
              Refuses(0, StatusCode::kFailedPrecondition,
                      "3 survivors of 6 hide too little, at least 4 are needed"));
  ExpectGoesOn(all_);
}

TEST(SurvivorsTest, FewerThanThreeBeyondTheCorruptAreRefusedHoweverLowTheThreshold) {
  // So few sites in a regular graph are everybody's neighbours, with a threshold of two.
  SecureCohort cohort({.plan = PlanFor(SecureMode::kHonestButCurious, MaskGraph::kRegular)});
  const Sites all = FirstSites(6);
  MR_ASSERT_OK(cohort.Advertise(all));
  MR_ASSERT_OK(cohort.Share(all));
  MR_ASSERT_OK(cohort.Upload(all));
  EXPECT_THAT(cohort.client(0).TakeSurvivors({0, 1, 2}),
              Refuses(0, StatusCode::kFailedPrecondition,
                      "3 survivors of 6 hide too little, at least 4 are needed"));
  EXPECT_THAT(cohort.FromAgree(all), IsOkAndHolds(cohort.PlainSum(all)));
}

// A site of a regular graph has all its neighbours, and yet is asked for the sum of a part.
TEST(SurvivorsTest, SoFewThatARegularGraphMayFallApartAreRefusedByBothSides) {
  SecurePlan plan = PlanFor(SecureMode::kHonestButCurious, MaskGraph::kRegular);
  plan.security_bits = 20;
  SecureCohort cohort({.sites = 60, .plan = plan});
  const Sites all = FirstSites(60);
  MR_ASSERT_OK(cohort.Advertise(all));
  MR_ASSERT_OK(cohort.Share(all));
  MR_ASSERT_OK(cohort.client(0).TakeMasks());
  std::vector<const v1::Advertisement*> members;
  for (const v1::Advertisement& member : cohort.server().cohort()) members.push_back(&member);
  MR_ASSERT_OK_AND_ASSIGN(
      const SecureGraph graph,
      GraphOf(plan, 60, CohortDigest(DigestOf(SecureCohort::Context()), members)));
  const int64_t fewest = FewestInAll(plan, graph);
  Sites few = graph.neighbors(0);
  few.push_back(0);
  for (const int site : all) {
    if (std::ssize(few) < fewest - 1 && std::ranges::count(few, site) == 0) few.push_back(site);
  }
  std::ranges::sort(few);
  ASSERT_EQ(std::ssize(few), fewest - 1);
  EXPECT_THAT(cohort.client(0).TakeSurvivors(few),
              Refuses(0, StatusCode::kFailedPrecondition,
                      absl::StrCat(fewest - 1, " survivors of 60 hide too little, at least ",
                                   fewest, " are needed")));
  std::vector<std::string> names;
  for (const int site : few) names.push_back(SecureCohort::Name(site));
  EXPECT_THAT(cohort.server().CloseMasking(names),
              IsStatus(StatusCode::kFailedPrecondition,
                       HasSubstr(absl::StrCat(fewest - 1, " sites survived, at least ", fewest))));
}

TEST(SurvivorsTest, TheCoordinatorEndsARoundOfTooFew) {
  for (const auto& [sites, fewest] : {std::pair{6, 4}, {20, 12}}) {
    SecureCohort cohort({.sites = sites});
    const Sites all = FirstSites(sites);
    MR_ASSERT_OK(cohort.Advertise(all));
    MR_ASSERT_OK(cohort.Share(all));
    EXPECT_THAT(
        cohort.Upload(FirstSites(fewest - 1)),
        IsStatus(StatusCode::kFailedPrecondition,
                 HasSubstr(absl::StrCat("bearings round 41 attempt 2: ", fewest - 1,
                                        " sites survived, at least ", fewest, " are needed"))));
    EXPECT_THAT(cohort.server().survivors(), IsEmpty());
  }
}

TEST(SurvivorsTest, TheCoordinatorCountsNobodyTwiceOrWithoutAShareAndDecidesOnce) {
  SecureCohort cohort({});
  const Sites share = {0, 1, 2, 4, 5};
  MR_ASSERT_OK(cohort.Advertise(FirstSites(6)));
  MR_ASSERT_OK(cohort.Share(share));
  SecureServer& server = cohort.server();
  EXPECT_THAT(server.CloseMasking({"press-000", "press-001", "press-002", "press-003"}),
              Refuses(3, StatusCode::kFailedPrecondition, "survived without having shared"));
  EXPECT_THAT(server.CloseMasking({"press-000", "press-001", "press-002", "press-002"}),
              IsStatus(StatusCode::kFailedPrecondition, HasSubstr("3 sites survived")));
  EXPECT_THAT(server.CloseMasking({"press-000", "press-001", "press-002", "press-009"}),
              Refuses(9, StatusCode::kFailedPrecondition, "is not in the cohort"));
  MR_ASSERT_OK(cohort.Upload(share));
  MR_EXPECT_OK(
      server.CloseMasking({"press-000", "press-001", "press-002", "press-004", "press-005"}));
  EXPECT_THAT(server.CloseMasking({"press-000", "press-001", "press-002", "press-004"}),
              IsStatus(StatusCode::kFailedPrecondition,
                       HasSubstr("bearings round 41 attempt 2: other sites survived before")));
  EXPECT_THAT(cohort.FromAgree(share), IsOkAndHolds(cohort.PlainSum(share)));
}

// Each site gets one of two stories, in which site 5 survived and in which it did not, and site 0
// works with the coordinator and gives both its shares. Whoever is told what, the seed and the mask
// key of site 5 are not both to be had: two sets of `threshold` holders share an honest one.
TEST(SurvivorsTest, TwoStoriesNeverGiveBothSecretsOfASite) {
  const Sites all = FirstSites(6);
  const std::vector<int32_t> with = {0, 1, 2, 3, 4, 5}, without = {0, 1, 2, 3, 4};
  SecureCohort cohort({});
  MR_ASSERT_OK(cohort.Advertise(all));
  MR_ASSERT_OK(cohort.Share(all));
  MR_ASSERT_OK(cohort.Upload(all));
  for (uint32_t told = 0; told < 1U << 4; ++told) {  // of sites 1 to 4
    int seeds = 2, mask_keys = 1;                    // of 0 and 5, and of 0
    for (int site = 1; site <= 4; ++site) ++((told >> (site - 1) & 1) != 0 ? seeds : mask_keys);
    EXPECT_LT(std::min(seeds, mask_keys), 4) << told;
  }
  int seeds = 0, mask_keys = 0;  // the coordinator's best try
  for (const auto& [site, story] : std::map<int, std::vector<int32_t>>{
           {1, with}, {2, with}, {3, without}, {4, without}, {5, with}}) {
    MR_ASSERT_OK(cohort.client(site).TakeSurvivors(story));
    MR_ASSERT_OK_AND_ASSIGN(const v1::UnmaskRequest request, cohort.client(site).Reveal({}));
    ++(request.shares(5).has_seed() ? seeds : mask_keys);
  }
  EXPECT_EQ(seeds + 1, 4);
  EXPECT_EQ(mask_keys + 1, 3);
}

}  // namespace
}  // namespace millrace
