// SPDX-License-Identifier: Apache-2.0
// Attacks with the shares that take the masks off.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the cohort's words
using absl::StatusCode;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

using Spoil = std::function<void(v1::UnmaskRequest&)>;

// Six sites, of which all share and site 4 drops out before its upload; four shares are needed.
class RevealAttackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MR_ASSERT_OK(cohort_.Advertise(all_));
    MR_ASSERT_OK(cohort_.Share(all_));
    MR_ASSERT_OK(cohort_.Upload(in_));
    MR_ASSERT_OK(cohort_.Agree(in_));
  }

  v1::UnmaskRequest Revealed(int site) {
    return cohort_.client(site).Reveal(cohort_.server().agreements()).value();
  }
  absl::Status Add(int site, const v1::UnmaskRequest& request) {
    return cohort_.server().AddReveal(SecureCohort::Name(site), request);
  }
  absl::Status AddSpoilt(int site, const Spoil& spoil) {
    v1::UnmaskRequest request = Revealed(site);
    spoil(request);
    return Add(site, request);
  }
  void ExpectSum() {
    EXPECT_TRUE(cohort_.server().CanRecover());
    EXPECT_THAT(cohort_.Unmask(), IsOkAndHolds(cohort_.PlainSum(in_)));
  }
  void ExpectNoSum(const std::string& reason) {
    EXPECT_THAT(cohort_.Unmask(),
                IsStatus(StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("bearings round 41 attempt 2: "), HasSubstr(reason))));
  }

  const Sites all_ = FirstSites(6);
  const Sites in_ = {0, 1, 2, 3, 5};
  SecureCohort cohort_{{.plan = PlanFor(SecureMode::kMalicious)}};
};

const Spoil kWrongSeed = [](v1::UnmaskRequest& request) {
  request.mutable_shares(1)->mutable_seed()->at(0) ^= 1;
};
const Spoil kWrongMaskKey = [](v1::UnmaskRequest& request) {
  request.mutable_shares(4)->mutable_mask_key()->at(0) ^= 1;
};
const Spoil kOutsideTheField = [](v1::UnmaskRequest& request) {
  request.mutable_shares(1)->set_seed(std::string(24, '\xff'));
  request.mutable_shares(4)->set_mask_key(std::string(40, '\xff'));
};

TEST_F(RevealAttackTest, ASiteGivesSeedsOfSurvivorsAndMaskKeysOfTheOthersAndItsOwnSeed) {
  for (const int site : in_) {
    const v1::UnmaskRequest request = Revealed(site);
    ASSERT_EQ(request.shares_size(), 6);
    for (int i = 0; i < 6; ++i) {
      EXPECT_EQ(request.shares(i).neighbour(), i);
      EXPECT_EQ(request.shares(i).has_seed(), i != 4);
      EXPECT_EQ(request.shares(i).has_mask_key(), i == 4);
    }
  }
}

TEST_F(RevealAttackTest, OneWrongShareIsMadeUpForByTheOthersWhosesoeverItIs) {
  for (const Spoil& wrong : {kWrongSeed, kWrongMaskKey, kOutsideTheField}) {
    for (const int liar : in_) {
      SecureCohort cohort({.sites = 6});
      MR_ASSERT_OK(cohort.Advertise(all_));
      MR_ASSERT_OK(cohort.Share(all_));
      MR_ASSERT_OK(cohort.Upload(in_));
      MR_ASSERT_OK(cohort.Agree(in_));
      for (const int site : in_) {
        MR_ASSERT_OK_AND_ASSIGN(v1::UnmaskRequest request, cohort.client(site).Reveal({}));
        if (site == liar) wrong(request);
        MR_ASSERT_OK(cohort.server().AddReveal(SecureCohort::Name(site), request));
      }
      EXPECT_THAT(cohort.Unmask(), IsOkAndHolds(cohort.PlainSum(in_))) << "liar " << liar;
    }
  }
}

TEST_F(RevealAttackTest, AWrongSeedShareWithoutOneToSpareIsFoundOutUntilAnotherComes) {
  MR_ASSERT_OK(AddSpoilt(5, kWrongSeed));
  for (const int site : {0, 1, 2}) MR_ASSERT_OK(Add(site, Revealed(site)));
  EXPECT_TRUE(cohort_.server().CanRecover());
  ExpectNoSum("secret of site press-001: wrong among its 4 shares");
  MR_ASSERT_OK(Add(3, Revealed(3)));
  ExpectSum();
}

TEST_F(RevealAttackTest, AWrongMaskKeyShareWithoutOneToSpareIsFoundOutUntilAnotherComes) {
  MR_ASSERT_OK(AddSpoilt(0, kWrongMaskKey));
  for (const int site : {1, 2, 5}) MR_ASSERT_OK(Add(site, Revealed(site)));
  ExpectNoSum("secret of site press-004: wrong among its 4 shares");
  MR_ASSERT_OK(Add(3, Revealed(3)));
  ExpectSum();
}

TEST_F(RevealAttackTest, HowLongASiteWouldWaitIsNoPartOfItsMessage) {
  for (const int32_t wait_ms : {15'000, 9'000, 0}) {
    MR_EXPECT_OK(AddSpoilt(0, [&](auto& request) { request.set_wait_ms(wait_ms); }));
  }
  EXPECT_THAT(AddSpoilt(0, kWrongSeed),
              Refuses(0, StatusCode::kAlreadyExists, "has revealed other shares"));
}

TEST_F(RevealAttackTest, FieldsThatNobodyKnowsAreNoPartOfAMessage) {
  MR_ASSERT_OK(AddSpoilt(0, [](auto& request) { AddUnknownField(request.mutable_shares(1)); }));
  MR_EXPECT_OK(AddSpoilt(0, [](auto& request) { AddUnknownField(&request); }));
  MR_EXPECT_OK(Add(0, Revealed(0)));
}

TEST_F(RevealAttackTest, OneRevealLessThanTheThresholdIsTooFew) {
  EXPECT_FALSE(cohort_.server().CanRecover());
  for (const int site : {0, 1, 2}) MR_ASSERT_OK(Add(site, Revealed(site)));
  EXPECT_FALSE(cohort_.server().CanRecover());
  ExpectNoSum("secret of site press-000: 3 shares, 4 are needed");
  MR_ASSERT_OK(Add(5, Revealed(5)));
  ExpectSum();
}

// A site may have no share of a neighbour that sealed it a bad one.
TEST_F(RevealAttackTest, ARevealWithoutSomeSharesCountsForTheOthers) {
  MR_ASSERT_OK(AddSpoilt(0, [](auto& request) { request.mutable_shares()->DeleteSubrange(4, 2); }));
  for (const int site : {1, 2, 3}) MR_ASSERT_OK(Add(site, Revealed(site)));
  EXPECT_FALSE(cohort_.server().CanRecover());
  ExpectNoSum("secret of site press-004: 3 shares, 4 are needed");
  MR_ASSERT_OK(Add(5, Revealed(5)));
  ExpectSum();
}

TEST_F(RevealAttackTest, SharesThatDoNotFitTheRoundAreRefused) {
  const auto refused = [&](const char* reason, const Spoil& spoil) {
    EXPECT_THAT(AddSpoilt(2, spoil), Refuses(2, StatusCode::kInvalidArgument, reason));
  };
  refused("revealed share of 0: it survived, its seed is asked",
          [](auto& r) { r.mutable_shares(0)->set_mask_key(std::string(40, 'k')); });
  refused("revealed share of 4: it dropped out, its key is asked",
          [](auto& r) { r.mutable_shares(4)->set_seed(std::string(24, 's')); });
  refused("revealed share of 0: it survived", [](auto& r) { r.mutable_shares(0)->clear_share(); });
  refused("revealed share of 4: ", [](auto& r) { r.mutable_shares(4)->clear_share(); });
  // Both kinds of one site.
  refused("revealed share of 4: out of order or twice", [](auto& r) {
    v1::RevealedShare* const second = r.mutable_shares(5);
    second->set_neighbour(4);
    second->set_seed(std::string(24, 's'));
  });
  refused("out of order or twice", [](auto& r) { r.mutable_shares()->SwapElements(0, 1); });
  refused("out of order or twice", [](auto& r) { r.mutable_shares(0)->set_neighbour(-1); });
  refused("no neighbour of this site", [](auto& r) { r.mutable_shares(5)->set_neighbour(6); });
  refused("no neighbour of this site",
          [](auto& r) { r.mutable_shares(5)->set_neighbour(1 << 30); });
  for (const int length : {0, 23, 25, 40}) {
    refused("revealed share of 3: has a wrong length",
            [&](auto& r) { r.mutable_shares(3)->set_seed(std::string(length, 's')); });
  }
  for (const int length : {0, 24, 39, 41}) {
    refused("revealed share of 4: has a wrong length",
            [&](auto& r) { r.mutable_shares(4)->set_mask_key(std::string(length, 'k')); });
  }
  MR_ASSERT_OK(cohort_.Reveal(in_));
  ExpectSum();
}

TEST_F(RevealAttackTest, OnlySurvivorsRevealAndOnlyOneStory) {
  const v1::UnmaskRequest first = Revealed(0);
  EXPECT_THAT(Add(4, first),
              Refuses(4, StatusCode::kFailedPrecondition, "is not among the survivors"));
  EXPECT_THAT(Add(9, first), Refuses(9, StatusCode::kFailedPrecondition, "is not in the cohort"));
  MR_ASSERT_OK(Add(0, first));
  MR_EXPECT_OK(Add(0, first));
  EXPECT_THAT(AddSpoilt(0, kWrongSeed),
              Refuses(0, StatusCode::kAlreadyExists, "has revealed other shares in this attempt"));
  MR_ASSERT_OK(cohort_.Reveal(in_));
  ExpectSum();
}

TEST(RevealTest, ASiteThatNeverSharedHasNoShareToReveal) {
  const Sites all = FirstSites(6), in = {0, 1, 2, 3, 5};
  SecureCohort cohort({});
  MR_ASSERT_OK(cohort.Advertise(all));
  MR_ASSERT_OK(cohort.Share(in));
  MR_ASSERT_OK(cohort.Upload(in));
  MR_ASSERT_OK(cohort.Agree(in));
  MR_ASSERT_OK_AND_ASSIGN(v1::UnmaskRequest request, cohort.client(0).Reveal({}));
  EXPECT_EQ(request.shares_size(), 5);
  v1::RevealedShare* const forged = request.mutable_shares(4);
  forged->set_neighbour(4);
  forged->set_mask_key(std::string(40, 'k'));
  EXPECT_THAT(cohort.server().AddReveal("press-000", request),
              Refuses(0, StatusCode::kInvalidArgument,
                      "revealed share of 4: no neighbour of this site that takes part"));
  EXPECT_THAT(cohort.FromReveal(in), IsOkAndHolds(cohort.PlainSum(in)));
}

// It shares one seed and commits to another: nobody's fault but its own, and the round's.
TEST(RevealTest, ADealerThatLiesAboutItsSeedIsNamed) {
  const Sites all = FirstSites(6);
  SecureCohort cohort({});
  MR_ASSERT_OK(cohort.Advertise(all));
  for (const int site : all) {
    MR_ASSERT_OK_AND_ASSIGN(
        v1::ShareRequest request,
        cohort.client(site).TakeCohort(cohort.server().cohort(), cohort.certified_key()));
    if (site == 2) request.mutable_seed_commitment()->at(5) ^= 1;
    MR_ASSERT_OK(cohort.server().AddShares(SecureCohort::Name(site), request));
  }
  MR_ASSERT_OK(cohort.server().CloseSharing());
  for (const int site : all) {
    MR_ASSERT_OK(cohort.client(site).TakeShares(
        cohort.server().SharesFor(SecureCohort::Name(site)).value()));
  }
  EXPECT_THAT(cohort.FromUpload(all),
              IsStatus(StatusCode::kFailedPrecondition,
                       HasSubstr("secret of site press-002: wrong among its 6 shares")));
}

// However many lie, and about whatever: a sum that comes out is the right one.
TEST(RevealTest, LiesNeverGiveAWrongSum) {
  const Sites all = FirstSites(7), in = {0, 1, 2, 3, 5, 6};
  int sums = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    SecureCohort cohort({.sites = 7, .seed = seed});
    MR_ASSERT_OK(cohort.Advertise(all));
    MR_ASSERT_OK(cohort.Share(all));
    MR_ASSERT_OK(cohort.Upload(in));
    MR_ASSERT_OK(cohort.Agree(in));
    for (const int site : in) {
      MR_ASSERT_OK_AND_ASSIGN(v1::UnmaskRequest request, cohort.client(site).Reveal({}));
      for (v1::RevealedShare& share : *request.mutable_shares()) {
        if (random.Below(20) != 0) continue;
        std::string& bytes = share.has_seed() ? *share.mutable_seed() : *share.mutable_mask_key();
        bytes[random.Below(bytes.size())] ^= static_cast<char>(1 + random.Below(255));
      }
      MR_ASSERT_OK(cohort.server().AddReveal(SecureCohort::Name(site), request));
    }
    const auto sum = cohort.Unmask();
    EXPECT_THAT(sum,
                AnyOf(IsOkAndHolds(cohort.PlainSum(in)),
                      IsStatus(StatusCode::kFailedPrecondition, HasSubstr("wrong among its"))));
    sums += sum.ok() ? 1 : 0;
  }
  EXPECT_GT(sums, 10);
  EXPECT_LT(sums, 60);
}

}  // namespace
}  // namespace millrace
