// SPDX-License-Identifier: Apache-2.0
// Attacks on the share phase.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/cohort_graph.h"
#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the cohort's words
using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ShareAttackTest : public ::testing::Test {
 protected:
  void SetUp() override { MR_ASSERT_OK(cohort_.Advertise(all_)); }

  v1::ShareRequest SharesOf(int site) {
    return cohort_.client(site)
        .TakeCohort(cohort_.server().cohort(), cohort_.certified_key())
        .value();
  }
  absl::Status Add(int site, const v1::ShareRequest& request) {
    return cohort_.server().AddShares(SecureCohort::Name(site), request);
  }
  void ShareWithTheCoordinator(const Sites& sites) {
    for (const int site : sites) MR_ASSERT_OK(Add(site, SharesOf(site)));
    MR_ASSERT_OK(cohort_.server().CloseSharing());
  }
  std::vector<v1::SealedShare> SharesFor(int site) {
    return cohort_.server().SharesFor(SecureCohort::Name(site)).value();
  }

  const Sites all_ = FirstSites(6);
  SecureCohort cohort_{{.plan = PlanFor(SecureMode::kMalicious)}};
};

TEST_F(ShareAttackTest, AShareThatWasTamperedWithIsNamedAndCostsNothing) {
  ShareWithTheCoordinator(all_);
  for (const int site : all_) {
    std::vector<v1::SealedShare> shares = SharesFor(site);
    if (site == 0) shares[1].mutable_sealed()->at(17) ^= 1;     // of site 2
    if (site == 4) shares[0].mutable_sealed()->at(79) ^= 0x80;  // of site 0, in its tag
    if (site == 5) shares[3].mutable_sealed()->pop_back();      // of site 3
    MR_ASSERT_OK(cohort_.client(site).TakeShares(shares));
  }
  EXPECT_THAT(cohort_.client(0).tampered(), ElementsAre("press-002"));
  EXPECT_THAT(cohort_.client(1).tampered(), IsEmpty());
  EXPECT_THAT(cohort_.client(4).tampered(), ElementsAre("press-000"));
  EXPECT_THAT(cohort_.client(5).tampered(), ElementsAre("press-003"));
  const Sites upload = {0, 1, 2, 4, 5};  // site 3's mask key has to be recovered
  EXPECT_THAT(cohort_.FromUpload(upload), IsOkAndHolds(cohort_.PlainSum(upload)));
}

TEST_F(ShareAttackTest, FieldsThatNobodyKnowsGoToNobody) {
  for (const int site : all_) {
    v1::ShareRequest request = SharesOf(site);
    AddUnknownField(&request);
    for (v1::SealedShare& share : *request.mutable_shares()) AddUnknownField(&share);
    MR_ASSERT_OK(Add(site, request));
    MR_EXPECT_OK(Add(site, SharesOf(site)));  // the same message
  }
  MR_ASSERT_OK(cohort_.server().CloseSharing());
  for (const int site : all_) {
    for (const v1::SealedShare& share : SharesFor(site)) EXPECT_LT(share.ByteSizeLong(), 100);
  }
}

TEST_F(ShareAttackTest, SharesOfOthersInterchangedAreTamperedWith) {
  ShareWithTheCoordinator(all_);
  std::vector<v1::SealedShare> shares = SharesFor(0);
  shares[1].mutable_sealed()->swap(*shares[2].mutable_sealed());  // of sites 2 and 3
  MR_ASSERT_OK(cohort_.client(0).TakeShares(shares));
  EXPECT_THAT(cohort_.client(0).tampered(), ElementsAre("press-002", "press-003"));
}

// What site 0 sealed for site 1 does not open as what site 1 sealed for site 0.
TEST_F(ShareAttackTest, AShareThatIsSentBackToWhoSealedItIsTamperedWith) {
  ShareWithTheCoordinator(all_);
  std::vector<v1::SealedShare> shares = SharesFor(0);
  shares[0].set_sealed(SharesOf(0).shares(0).sealed());
  MR_ASSERT_OK(cohort_.client(0).TakeShares(shares));
  EXPECT_THAT(cohort_.client(0).tampered(), ElementsAre("press-001"));
}

TEST_F(ShareAttackTest, TooFewGoodSharesAreRefusedNamingTheBadOnesAndGoodOnesTakenLater) {
  ShareWithTheCoordinator(all_);
  const std::vector<v1::SealedShare> good = SharesFor(0);
  std::vector<v1::SealedShare> bad = good;
  for (const int i : {0, 2, 4}) bad[i].set_sealed(std::string(80, 'x'));
  EXPECT_THAT(cohort_.client(0).TakeShares(bad),
              Refuses(0, StatusCode::kFailedPrecondition,
                      "got good shares from 2 neighbours, needs 3; tampered with: press-001, "
                      "press-003, press-005"));
  EXPECT_THAT(cohort_.client(0).TakeMasks(),
              Refuses(0, StatusCode::kFailedPrecondition, "has no partners to mask with yet"));
  MR_EXPECT_OK(cohort_.client(0).TakeShares(good));
  EXPECT_THAT(cohort_.client(0).tampered(), IsEmpty());
}

TEST_F(ShareAttackTest, ASiteMasksWithNoFewerPartnersThanItsThreshold) {
  ShareWithTheCoordinator(all_);
  std::vector<v1::SealedShare> shares = SharesFor(0);
  shares.resize(2);
  EXPECT_THAT(
      cohort_.client(0).TakeShares(shares),
      Refuses(0, StatusCode::kFailedPrecondition, "got good shares from 2 neighbours, needs 3"));
  EXPECT_THAT(cohort_.client(0).TakeShares({}),
              Refuses(0, StatusCode::kFailedPrecondition, "from 0 neighbours"));
}

TEST_F(ShareAttackTest, OtherPartnersThanBeforeAreRefused) {
  ShareWithTheCoordinator(all_);
  std::vector<v1::SealedShare> shares = SharesFor(0);
  MR_ASSERT_OK(cohort_.client(0).TakeShares(shares));
  MR_EXPECT_OK(cohort_.client(0).TakeShares(shares));
  shares.pop_back();
  EXPECT_THAT(cohort_.client(0).TakeShares(shares),
              Refuses(0, StatusCode::kFailedPrecondition, "was given shares of others before"));
}

TEST_F(ShareAttackTest, SharesOfStrangersTwiceOrOutOfOrderAreRefused) {
  ShareWithTheCoordinator(all_);
  const std::vector<v1::SealedShare> good = SharesFor(2);
  const auto refused = [&](std::vector<int> from) {
    std::vector<v1::SealedShare> shares(from.size(), good[0]);
    for (size_t i = 0; i < from.size(); ++i) shares[i].set_neighbour(from[i]);
    EXPECT_THAT(cohort_.client(2).TakeShares(shares),
                Refuses(2, StatusCode::kInvalidArgument, "shares that are not its neighbours'"));
  };
  refused({1, 0, 3, 4, 5});
  refused({0, 1, 1, 3, 4, 5});
  refused({0, 1, 2, 3, 4, 5});  // its own
  refused({-1, 0, 1, 3, 4, 5});
  refused({0, 1, 3, 4, 5, 6});
  refused({0, 1, 3, 4, 1 << 30});
}

TEST_F(ShareAttackTest, SharesThatDoNotFitTheCohortAreRefusedByTheCoordinator) {
  const auto refused = [&](const char* reason,
                           const std::function<void(v1::ShareRequest&)>& spoil) {
    v1::ShareRequest request = SharesOf(2);
    spoil(request);
    EXPECT_THAT(Add(2, request), Refuses(2, StatusCode::kInvalidArgument, reason));
  };
  refused("4 shares for 5 neighbours", [](auto& r) { r.mutable_shares()->RemoveLast(); });
  refused("6 shares for 5 neighbours", [](auto& r) { r.add_shares(); });
  refused("0 shares for 5 neighbours", [](auto& r) { r.clear_shares(); });
  refused("share 1 is for 0 with 80 bytes, expected 1 with 80",
          [](auto& r) { r.mutable_shares(1)->set_neighbour(0); });
  refused("share 1 is for 2 with", [](auto& r) { r.mutable_shares(1)->set_neighbour(2); });
  refused("share 0 is for -1 with", [](auto& r) { r.mutable_shares(0)->set_neighbour(-1); });
  refused("share 4 is for 6 with", [](auto& r) { r.mutable_shares(4)->set_neighbour(6); });
  for (const int length : {0, 79, 81, 5000}) {
    const std::string reason = absl::StrCat("share 3 is for 4 with ", length, " bytes");
    refused(reason.c_str(),
            [&](auto& r) { r.mutable_shares(3)->mutable_sealed()->resize(length); });
  }
  for (const int length : {0, 31, 33, 5000}) {
    refused("its seed commitment has",
            [&](auto& r) { r.mutable_seed_commitment()->resize(length); });
  }
  EXPECT_THAT(cohort_.FromShare(all_), IsOkAndHolds(cohort_.PlainSum(all_)));
}

TEST_F(ShareAttackTest, OtherSharesOfTheSameSiteAreRefusedAndTheSameOnesTaken) {
  v1::ShareRequest request = SharesOf(2);
  MR_ASSERT_OK(Add(2, request));
  request.set_wait_ms(15'000);
  MR_EXPECT_OK(Add(2, request)) << "how long it waits is no part of the message";
  request.mutable_shares(0)->mutable_sealed()->at(0) ^= 1;
  EXPECT_THAT(Add(2, request),
              Refuses(2, StatusCode::kAlreadyExists, "has shared other secrets in this attempt"));
  EXPECT_THAT(cohort_.FromShare(all_), IsOkAndHolds(cohort_.PlainSum(all_)));
  EXPECT_THAT(Add(2, request), Refuses(2, StatusCode::kAlreadyExists, "other secrets"));
  MR_EXPECT_OK(Add(2, SharesOf(2)));
}

TEST_F(ShareAttackTest, WhoSharesTooLateOrIsNotInTheCohortIsNotWaitedFor) {
  ShareWithTheCoordinator({0, 1, 2, 4, 5});
  EXPECT_THAT(Add(3, SharesOf(3)),
              Refuses(3, StatusCode::kFailedPrecondition, "the sharing is over without it"));
  EXPECT_THAT(cohort_.server().SharesFor("press-003"),
              Refuses(3, StatusCode::kFailedPrecondition, "the sharing is over without it"));
  EXPECT_THAT(Add(9, SharesOf(3)),
              Refuses(9, StatusCode::kFailedPrecondition, "is not in the cohort"));
  for (const int site : {0, 1, 2, 4, 5})
    MR_ASSERT_OK(cohort_.client(site).TakeShares(SharesFor(site)));
  const Sites rest = {0, 1, 4, 5};
  EXPECT_THAT(cohort_.FromUpload(rest), IsOkAndHolds(cohort_.PlainSum(rest)));
}

TEST_F(ShareAttackTest, TooFewWhoShareEndTheRound) {
  for (const int site : {0, 1, 2}) MR_ASSERT_OK(Add(site, SharesOf(site)));
  EXPECT_THAT(cohort_.server().CloseSharing(),
              IsStatus(StatusCode::kFailedPrecondition,
                       HasSubstr("bearings round 41 attempt 2: 3 sites shared their secrets, at "
                                 "least 4 are needed")));
}

// A cohort of 20 needs 12 shares for a secret, not just the five that hide each other.
TEST(ShareThresholdTest, FewerWhoShareThanTheThresholdEndTheRound) {
  SecureCohort cohort({.sites = 20});
  MR_ASSERT_OK(cohort.Advertise(FirstSites(20)));
  EXPECT_THAT(cohort.Share(FirstSites(11)),
              IsStatus(StatusCode::kFailedPrecondition,
                       HasSubstr("bearings round 41 attempt 2: 11 sites shared their secrets, at "
                                 "least 12 are needed")));
}

// Whoever drops out of a group is missing there, however many are left in all.
TEST(ShareThresholdTest, AGroupThatLosesTooManyEndsTheRoundNamingASiteOfIt) {
  SecureCohort cohort({.sites = 129});
  MR_ASSERT_OK(cohort.Advertise(FirstSites(129)));
  SecureServer& server = cohort.server();
  std::vector<const v1::Advertisement*> members;
  for (const v1::Advertisement& member : server.cohort()) members.push_back(&member);
  MR_ASSERT_OK_AND_ASSIGN(
      const SecureGraph graph,
      GraphOf({}, 129, CohortDigest(DigestOf(SecureCohort::Context()), members)));
  int64_t left_out = 0, around_first = std::ssize(graph.neighbors(0)) + 1;
  for (int site = 0; site < 129; ++site) {
    const bool in_group_of_first = std::ranges::count(graph.neighbors(site), 0) != 0;
    if (in_group_of_first && around_first - left_out >= graph.threshold(0)) {
      ++left_out;
      continue;
    }
    v1::ShareRequest request;
    for (const int neighbor : graph.neighbors(site)) {
      v1::SealedShare* const share = request.add_shares();
      share->set_neighbour(neighbor);
      share->set_sealed(std::string(kSealedShareBytes, 'x'));
    }
    request.set_seed_commitment(std::string(32, 'c'));
    MR_ASSERT_OK(server.AddShares(SecureCohort::Name(site), request));
  }
  EXPECT_THAT(server.CloseSharing(),
              IsStatus(StatusCode::kFailedPrecondition,
                       HasSubstr(absl::StrCat(around_first - left_out,
                                              " sites around site press-000 shared their secrets, "
                                              "at least ",
                                              graph.threshold(0), " are needed"))));
}

}  // namespace
}  // namespace millrace
