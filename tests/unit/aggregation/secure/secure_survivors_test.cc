// SPDX-License-Identifier: Apache-2.0
// Attacks with the list of those whose updates are in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/cohort_graph.h"
#include "aggregation/secure/mask_stream.h"
#include "aggregation/secure/round_keys.h"
#include "aggregation/secure/share_recovery.h"
#include "base/check.h"
#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the cohort's words
using absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Of the sites that have advertised.
Digest DigestOfCohort(SecureCohort& cohort) {
  std::vector<const v1::Advertisement*> members;
  for (const v1::Advertisement& member : cohort.server().cohort()) members.push_back(&member);
  return CohortDigest(DigestOf(SecureCohort::Context()), members);
}
SecureGraph GraphOfCohort(SecureCohort& cohort, const SecurePlan& plan = {}) {
  return GraphOf(plan, std::ssize(cohort.server().cohort()), DigestOfCohort(cohort)).value();
}

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

// Nobody but the site itself can know. The lie gains nothing: its masks with the others are in
// their vectors, and none of those that come off, nor any choice of them, takes these away.
TEST_P(SurvivorsAttackTest, TheSumWithoutAListedSitesVectorStaysMasked) {
  MaskThose(all_, all_);
  const Sites in = {0, 1, 2, 3, 4};  // the coordinator lists site 5, and leaves its vector out
  MR_ASSERT_OK(cohort_.Agree(in));
  MR_ASSERT_OK(cohort_.Reveal(in));
  MR_ASSERT_OK_AND_ASSIGN(const MaskSet recovered, cohort_.server().Recover());
  const std::vector<Mask> masks = recovered.masks();
  ASSERT_EQ(masks.size(), 6U);
  Words sum(cohort_.masked(0).size(), 0);
  for (const int site : in) {
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += cohort_.masked(site)[i];
  }
  const Words plain = cohort_.PlainSum(in);
  for (uint32_t chosen = 0; chosen < 1U << masks.size(); ++chosen) {
    Words tried = sum;
    for (size_t i = 0; i < masks.size(); ++i) {
      if ((chosen >> i & 1) != 0) AddMasks(tried, 0, std::span(&masks[i], 1));
    }
    int alike = 0;  // by chance: 300 * 2^-32 of them
    for (size_t i = 0; i < tried.size(); ++i) alike += tried[i] == plain[i] ? 1 : 0;
    EXPECT_LT(alike, 3) << chosen;
  }
  // Its vector is all that the sum lacks.
  Words whole = sum;
  for (size_t i = 0; i < whole.size(); ++i) whole[i] += cohort_.masked(5)[i];
  AddMasks(whole, 0, masks);
  EXPECT_EQ(whole, cohort_.PlainSum(all_));
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
  const SecureGraph graph = GraphOfCohort(cohort, plan);
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

// Site 0 works with the coordinator, opens what it was sent, and gives both shares of site 5.
class TwoStories {
 public:
  TwoStories() {
    v1::Advertisement own = cohort_.client(0).advertisement();
    own.set_seal_key(std::string(seal_key_.public_key().begin(), seal_key_.public_key().end()));
    own.set_signature(SecureCohort::IdentityOf(0).Sign(
        AdvertisementText(DigestOf(SecureCohort::Context()), own)));
    MR_CHECK(cohort_.server()
                 .AddAdvertisement(SecureCohort::Name(0), own, SecureCohort::VerifyingKeyOf(0))
                 .ok());
    MR_CHECK(cohort_.Advertise(honest_).ok() && cohort_.Share(honest_).ok());
    MR_CHECK(cohort_.Upload(honest_).ok());
    threshold_ = GraphOfCohort(cohort_).threshold(kVictim);
    TakeOwnShares();
  }

  /// Tells `site` that site 5 survived or that it dropped out, and keeps the share it gives.
  void Tell(int site, bool survived) {
    const Sites story = survived ? honest_ : Without(honest_, {kVictim});
    MR_CHECK(cohort_.client(site).TakeSurvivors(story).ok());
    const v1::UnmaskRequest request = cohort_.client(site).Reveal({}).value();
    for (const v1::RevealedShare& share : request.shares()) {
      if (share.neighbour() != kVictim) continue;
      if (share.has_seed()) seed_.Add(site + 1, ReadSeedShare(share.seed()).value());
      if (share.has_mask_key()) mask_key_.Add(site + 1, ReadMaskKeyShare(share.mask_key()).value());
    }
  }

  bool HasSeed() const {
    const auto seed = ReconstructSecret<16>(threshold_, seed_.points, std::span(seed_.shares));
    return seed.ok() && SeedCommitment(digest_, *seed, kVictim) == commitment_;
  }
  bool HasMaskKey() const {
    const auto key =
        ReconstructSecret<32>(threshold_, mask_key_.points, std::span(mask_key_.shares));
    return key.ok() && AgreementKey::FromSecret(key->Clone()).public_key() == advertised_key_;
  }

  static constexpr int kVictim = 5;

 private:
  void TakeOwnShares() {
    const std::vector<v1::Advertisement>& members = cohort_.server().cohort();
    const v1::ShareRequest sent =
        cohort_.client(kVictim).TakeCohort(members, cohort_.certified_key()).value();
    commitment_ = sent.seed_commitment();
    advertised_key_ = ReadPublicKey(members[kVictim].mask_key()).value();
    const AgreementPublicKey peer = ReadPublicKey(members[kVictim].seal_key()).value();
    digest_ = DigestOfCohort(cohort_);
    const ShareBundle bundle =
        OpenShares(digest_, seal_key_, peer, kVictim, 0, sent.shares(0).sealed()).value();
    seed_.Add(1, ReadSeedShare(SeedShare(bundle)).value());
    mask_key_.Add(1, ReadMaskKeyShare(MaskKeyShare(bundle)).value());
  }

  const Sites honest_ = {1, 2, 3, 4, 5};
  const AgreementKey seal_key_ = AgreementKey::Generate();
  SecureCohort cohort_{{}};
  int64_t threshold_ = 0;
  Digest digest_;
  std::string commitment_;             // of the victim to its seed
  AgreementPublicKey advertised_key_;  // of the victim
  GatheredShares<16> seed_;
  GatheredShares<32> mask_key_;
};

// Whoever is told what, the seed and the mask key of a site are not both to be had: two sets of
// `threshold` holders share an honest one.
TEST(SurvivorsTest, TwoStoriesNeverGiveBothSecretsOfASite) {
  int with_seed = 0, with_mask_key = 0;
  for (uint32_t told = 0; told < 1U << 4; ++told) {  // that it survived: of sites 1 to 4
    TwoStories stories;
    stories.Tell(TwoStories::kVictim, true);  // it helps with no sum that it is not in
    for (int site = 1; site <= 4; ++site) stories.Tell(site, (told >> (site - 1) & 1) != 0);
    EXPECT_FALSE(stories.HasSeed() && stories.HasMaskKey()) << told;
    with_seed += stories.HasSeed() ? 1 : 0;
    with_mask_key += stories.HasMaskKey() ? 1 : 0;
  }
  // Each by itself is: for the seed two of the four are enough, for the mask key three.
  EXPECT_EQ(with_seed, 6 + 4 + 1);
  EXPECT_EQ(with_mask_key, 4 + 1);
}

}  // namespace
}  // namespace millrace
