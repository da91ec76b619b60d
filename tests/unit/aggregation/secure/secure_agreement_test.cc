// SPDX-License-Identifier: Apache-2.0
// The agreement on the survivors, against a coordinator that tells the sites different stories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the cohort's words
using absl::StatusCode;

using Survivors = std::vector<int32_t>;
using Signatures = std::vector<v1::AgreementSignature>;

class AgreementTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MR_ASSERT_OK(cohort_.Advertise(all_));
    MR_ASSERT_OK(cohort_.Share(all_));
    MR_ASSERT_OK(cohort_.Upload(all_));
  }

  v1::AgreementSignature SignatureOf(int site, const Survivors& survivors) {
    v1::AgreementSignature signature;
    signature.set_site(site);
    signature.set_signature(cohort_.client(site).TakeSurvivors(survivors).value());
    return signature;
  }
  Signatures SignaturesOf(const Sites& sites, const Survivors& survivors) {
    Signatures signatures;
    for (const int site : sites) signatures.push_back(SignatureOf(site, survivors));
    return signatures;
  }
  absl::StatusOr<v1::UnmaskRequest> Reveal(int site, const Signatures& signatures) {
    return cohort_.client(site).Reveal(signatures);
  }
  absl::Status Add(int site, const std::string& signature) {
    return cohort_.server().AddAgreement(SecureCohort::Name(site), signature);
  }
  /// And with the agreement of the sites the round ends well.
  void ExpectGoesOn() {
    EXPECT_THAT(cohort_.FromAgree(all_), IsOkAndHolds(cohort_.PlainSum(all_)));
  }

  const Sites all_ = FirstSites(6);
  const Survivors everybody_ = {0, 1, 2, 3, 4, 5};
  const Survivors but_the_last_ = {0, 1, 2, 3, 4};
  SecureCohort cohort_{{.plan = PlanFor(SecureMode::kMalicious)}};
};

TEST_F(AgreementTest, SitesThatWereToldDifferentStoriesGiveNothing) {
  Signatures first = SignaturesOf({0, 1, 2}, everybody_);
  Signatures second = SignaturesOf({3, 4}, but_the_last_);
  Signatures all = first;
  all.insert(all.end(), second.begin(), second.end());
  EXPECT_THAT(Reveal(0, all),
              Refuses(0, StatusCode::kPermissionDenied,
                      "site press-003 did not sign the survivors that this site was shown"));
  EXPECT_THAT(Reveal(3, all), Refuses(3, StatusCode::kPermissionDenied,
                                      "site press-000 did not sign the survivors"));
  // Nor where the coordinator shows each only those that fit its own.
  EXPECT_THAT(Reveal(0, first), Refuses(0, StatusCode::kFailedPrecondition,
                                        "3 sites agree on the survivors, at least 4 are needed"));
  EXPECT_THAT(Reveal(3, second), Refuses(3, StatusCode::kFailedPrecondition, "2 sites agree"));
}

TEST_F(AgreementTest, OneSignatureLessThanTheThresholdIsTooFew) {
  const Signatures signatures = SignaturesOf({0, 1, 2, 3}, everybody_);
  EXPECT_THAT(Reveal(0, {signatures.begin(), signatures.end() - 1}),
              Refuses(0, StatusCode::kFailedPrecondition, "3 sites agree"));
  EXPECT_THAT(Reveal(0, {}), Refuses(0, StatusCode::kFailedPrecondition, "0 sites agree"));
  MR_EXPECT_OK(Reveal(0, signatures));
  ExpectGoesOn();
}

TEST_F(AgreementTest, SignaturesOutOfOrderTwiceOrOfOthersAreRefused) {
  const Signatures good = SignaturesOf(all_, everybody_);
  const auto refused = [&](std::vector<int> from) {
    Signatures signatures(from.size());
    for (size_t i = 0; i < from.size(); ++i) {
      signatures[i] = good[from[i] >= 0 && from[i] < 6 ? from[i] : 0];
      signatures[i].set_site(from[i]);
    }
    EXPECT_THAT(Reveal(0, signatures),
                Refuses(0, StatusCode::kInvalidArgument, "agreement signatures out of order"));
  };
  refused({1, 0, 2, 3});
  refused({0, 0, 1, 2, 3});  // one is not two
  refused({0, 1, 2, 3, 6});
  refused({-1, 0, 1, 2, 3});
  ExpectGoesOn();
}

TEST_F(AgreementTest, ASignatureOfWhoDidNotSurviveCountsForNothing) {
  const Survivors survivors = {0, 1, 2, 3};
  Signatures signatures = SignaturesOf({0, 1, 2}, survivors);
  v1::AgreementSignature outsider;
  outsider.set_site(4);
  outsider.set_signature(SignatureOf(4, but_the_last_).signature());
  signatures.push_back(outsider);
  EXPECT_THAT(Reveal(0, signatures),
              Refuses(0, StatusCode::kInvalidArgument, "of others than survivors"));
}

TEST_F(AgreementTest, ASignatureFromAnotherAttemptOrOfAnotherSiteIsRefused) {
  SecureCohort other({.plan = PlanFor(SecureMode::kMalicious)});  // the same sites and survivors
  MR_ASSERT_OK(other.Advertise(all_));
  MR_ASSERT_OK(other.Share(all_));
  MR_ASSERT_OK(other.Upload(all_));
  Signatures signatures = SignaturesOf({0, 1, 2, 3}, everybody_);
  const std::string good = signatures[3].signature();
  const std::string replayed = other.client(3).TakeSurvivors(everybody_).value();
  for (const std::string& forged : {replayed, signatures[2].signature(), std::string(64, 's'),
                                    std::string(), good.substr(0, 63), good + "s"}) {
    signatures[3].set_signature(forged);
    EXPECT_THAT(Reveal(0, signatures),
                Refuses(0, StatusCode::kPermissionDenied, "site press-003 did not sign"));
  }
  signatures[3].set_signature(good);
  MR_EXPECT_OK(Reveal(0, signatures));
}

// An advertisement's signature is by the same key, over bytes that no list of survivors has.
TEST_F(AgreementTest, ASignatureForAnotherPurposeIsRefused) {
  Signatures signatures = SignaturesOf({0, 1, 2, 3}, everybody_);
  signatures[3].set_signature(cohort_.client(3).advertisement().signature());
  EXPECT_THAT(Reveal(0, signatures),
              Refuses(0, StatusCode::kPermissionDenied, "site press-003 did not sign"));
}

TEST_F(AgreementTest, WhatWasRevealedOnceIsNotRevealedOverABadAgreement) {
  const Signatures signatures = SignaturesOf({0, 1, 2, 3}, everybody_);
  MR_ASSERT_OK(Reveal(0, signatures));
  EXPECT_THAT(Reveal(0, {signatures.begin(), signatures.begin() + 2}),
              Refuses(0, StatusCode::kFailedPrecondition, "2 sites agree"));
}

TEST_F(AgreementTest, TheCoordinatorTakesOnlySignaturesOverItsOwnList) {
  EXPECT_THAT(Add(3, SignatureOf(3, but_the_last_).signature()),
              Refuses(3, StatusCode::kPermissionDenied, "has signed other survivors"));
  EXPECT_THAT(Add(0, SignatureOf(1, everybody_).signature()),
              Refuses(0, StatusCode::kPermissionDenied, "has signed other survivors"));
  EXPECT_THAT(Add(9, SignatureOf(0, everybody_).signature()),
              Refuses(9, StatusCode::kFailedPrecondition, "is not in the cohort"));
  const Sites rest = {0, 1, 2, 4, 5};  // site 3 has signed what it was shown, and stays with it
  MR_ASSERT_OK(cohort_.Agree(rest));
  EXPECT_THAT(cohort_.FromReveal(rest), IsOkAndHolds(cohort_.PlainSum(all_)));
}

TEST_F(AgreementTest, ASignatureMayBeRepeatedButNotReplacedByAWrongOne) {
  const std::string signature = SignatureOf(0, everybody_).signature();
  MR_ASSERT_OK(Add(0, signature));
  MR_EXPECT_OK(Add(0, signature));
  EXPECT_THAT(Add(0, "something else"),
              Refuses(0, StatusCode::kPermissionDenied, "has signed other survivors"));
  ExpectGoesOn();
}

}  // namespace
}  // namespace millrace
