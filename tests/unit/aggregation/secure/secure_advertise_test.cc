// SPDX-License-Identifier: Apache-2.0
// Attacks on the advertise phase: on the coordinator by sites, and by a coordinator on sites.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the cohort's words
using absl::StatusCode;

constexpr const char* kBadSignature =
    "signature does not fit this round, model, plan, scaling and keys";

class AdvertiseAttackTest : public ::testing::Test {
 protected:
  absl::Status Add(int site, const v1::Advertisement& advertisement) {
    return cohort_.server().AddAdvertisement(SecureCohort::Name(site), advertisement,
                                             SecureCohort::VerifyingKeyOf(site));
  }

  /// The site's advertisement with a change that it signs itself.
  v1::Advertisement Signed(int site, const std::function<void(v1::Advertisement&)>& change) {
    v1::Advertisement advertisement = cohort_.client(site).advertisement();
    change(advertisement);
    advertisement.set_signature(SecureCohort::IdentityOf(site).Sign(
        AdvertisementText(DigestOf(SecureCohort::Context()), advertisement)));
    return advertisement;
  }

  /// Shows site 0 the honest cohort, but for site 3 another advertisement.
  absl::StatusOr<v1::ShareRequest> Show(const v1::Advertisement& third) {
    std::vector<v1::Advertisement> shown;
    for (const int site : all_) shown.push_back(cohort_.client(site).advertisement());
    shown[3] = third;
    return cohort_.client(0).TakeCohort(shown, cohort_.certified_key());
  }

  /// The round goes on as if nothing had been tried.
  void ExpectGoesOn() {
    MR_ASSERT_OK(cohort_.Advertise(all_));
    EXPECT_THAT(cohort_.FromShare(all_), IsOkAndHolds(cohort_.PlainSum(all_)));
  }

  /// Half of the sites were sent another assignment than the rest: neither masks with the other.
  void ExpectApart(const SecureContext& other) {
    std::vector<std::unique_ptr<SecureClient>> deceived;
    std::vector<v1::Advertisement> shown;
    for (const int site : all_) {
      deceived.push_back(cohort_.NewClient(site, other));
      shown.push_back((site < 3 ? cohort_.client(site) : *deceived[site]).advertisement());
    }
    EXPECT_THAT(cohort_.client(0).TakeCohort(shown, cohort_.certified_key()),
                Refuses(0, StatusCode::kPermissionDenied, "advertisement of site press-003: its "));
    EXPECT_THAT(deceived[5]->TakeCohort(shown, cohort_.certified_key()),
                Refuses(5, StatusCode::kPermissionDenied, "advertisement of site press-000: its "));
  }

  const Sites all_ = FirstSites(6);
  SecureCohort cohort_{{.plan = PlanFor(SecureMode::kMalicious)}};
};

// Each differs from the round in one thing.
std::vector<SecureContext> OtherContexts() {
  std::vector<SecureContext> contexts(8, SecureCohort::Context());
  contexts[0].round = 40;
  contexts[1].attempt = 1;
  contexts[2].run = "bearings-2";
  contexts[3].federation = "other plants";
  contexts[4].model = Sha256Of("another model");
  contexts[5].plan = Sha256Of("another plan");
  contexts[6].scaling = Sha256Of("another scaling");
  contexts[7].scaling = {};
  return contexts;
}

TEST_F(AdvertiseAttackTest, KeysOfAnotherRoundModelPlanOrScalingAreRefused) {
  for (const SecureContext& context : OtherContexts()) {
    const auto other = cohort_.NewClient(3, context);
    EXPECT_THAT(Add(3, other->advertisement()),
                Refuses(3, StatusCode::kPermissionDenied, kBadSignature));
    EXPECT_THAT(Show(other->advertisement()),
                Refuses(0, StatusCode::kPermissionDenied,
                        absl::StrCat("advertisement of site press-003: its ", kBadSignature)));
  }
  ExpectGoesOn();
}

// A coordinator that lets each half of the sites train another model would tell their sums apart,
// as one would that has all but one scale their readings to zero.
TEST_F(AdvertiseAttackTest, SitesThatWereSentAnotherModelOrScalingAreNotMaskedWith) {
  SecureContext other_model = SecureCohort::Context(), other_scaling = other_model;
  other_model.model = Sha256Of("a model of their own");
  other_scaling.scaling = Sha256Of("mean 0, deviation 3e38");
  for (const SecureContext& other : {other_model, other_scaling}) ExpectApart(other);
}

TEST_F(AdvertiseAttackTest, FieldsThatNobodyKnowsGoToNobody) {
  v1::Advertisement padded = cohort_.client(3).advertisement();
  AddUnknownField(&padded);
  MR_ASSERT_OK(Add(3, padded));
  MR_ASSERT_OK(cohort_.Advertise(all_));  // the same message again among them
  EXPECT_EQ(cohort_.server().cohort()[3].SerializeAsString(),
            cohort_.client(3).advertisement().SerializeAsString());
}

TEST_F(AdvertiseAttackTest, SwappedKeysAreRefused) {
  v1::Advertisement swapped = cohort_.client(3).advertisement();
  swapped.mutable_mask_key()->swap(*swapped.mutable_seal_key());
  EXPECT_THAT(Add(3, swapped), Refuses(3, StatusCode::kPermissionDenied, kBadSignature));
  EXPECT_THAT(Show(swapped), Refuses(0, StatusCode::kPermissionDenied, kBadSignature));
  ExpectGoesOn();
}

TEST_F(AdvertiseAttackTest, KeysOfTheCoordinatorInPlaceOfASitesAreRefused) {
  v1::Advertisement forged = cohort_.client(3).advertisement();
  const AgreementKey known = AgreementKey::Generate();
  forged.set_mask_key(std::string(known.public_key().begin(), known.public_key().end()));
  EXPECT_THAT(Show(forged), Refuses(0, StatusCode::kPermissionDenied, kBadSignature));
  ExpectGoesOn();
}

TEST_F(AdvertiseAttackTest, AKeyOfAnotherSiteIsRefusedInEitherPlace) {
  const v1::Advertisement first = cohort_.client(0).advertisement();
  MR_ASSERT_OK(Add(0, first));
  for (const std::string& key : {first.mask_key(), first.seal_key()}) {
    const auto as_mask_key = Signed(3, [&](auto& own) { own.set_mask_key(key); });
    const auto as_seal_key = Signed(3, [&](auto& own) { own.set_seal_key(key); });
    for (const v1::Advertisement& stolen : {as_mask_key, as_seal_key}) {
      EXPECT_THAT(Add(3, stolen),
                  Refuses(3, StatusCode::kPermissionDenied, "advertises a key of site press-000"));
      EXPECT_THAT(Show(stolen), Refuses(0, StatusCode::kPermissionDenied,
                                        "advertisement of site press-003: its key is another's"));
    }
  }
  ExpectGoesOn();
}

// Sites refuse it, so that a coordinator that took it would lose them all.
TEST_F(AdvertiseAttackTest, OneKeyForBothPurposesIsRefused) {
  const auto both = Signed(3, [](auto& own) { own.set_seal_key(own.mask_key()); });
  EXPECT_THAT(Add(3, both), Refuses(3, StatusCode::kPermissionDenied, "one key for both"));
  EXPECT_THAT(Show(both), Refuses(0, StatusCode::kPermissionDenied, "its key is another's"));
  ExpectGoesOn();
}

TEST_F(AdvertiseAttackTest, AKeyThatAgreesWithNobodyIsRefused) {
  const auto mask = Signed(3, [](auto& own) { own.set_mask_key(std::string(32, '\0')); });
  const auto seal = Signed(3, [](auto& own) { own.set_seal_key(std::string(32, '\0')); });
  EXPECT_THAT(Add(3, mask), Refuses(3, StatusCode::kInvalidArgument, "low order"));
  EXPECT_THAT(Add(3, seal), Refuses(3, StatusCode::kInvalidArgument, "low order"));
  EXPECT_THAT(Show(seal), Refuses(0, StatusCode::kInvalidArgument,
                                  "advertisement of site press-003: X25519 public key"));
  ExpectGoesOn();
}

// A coordinator that shows it all the same gets no vector for it.
TEST_F(AdvertiseAttackTest, AMaskKeyThatAgreesWithNobodyIsNamedBeforeAnythingIsMasked) {
  std::vector<v1::Advertisement> shown;
  for (const int site : all_) shown.push_back(cohort_.client(site).advertisement());
  shown[3] = Signed(3, [](auto& own) { own.set_mask_key(std::string(32, '\0')); });
  std::vector<v1::SealedShare> for_first;
  for (const int site : {1, 2, 4, 5}) {
    MR_ASSERT_OK_AND_ASSIGN(const v1::ShareRequest request,
                            cohort_.client(site).TakeCohort(shown, cohort_.certified_key()));
    for_first.push_back(request.shares(0));
    for_first.back().set_neighbour(site);
  }
  for_first.insert(for_first.begin() + 2, v1::SealedShare())->set_neighbour(3);
  MR_ASSERT_OK(cohort_.client(0).TakeCohort(shown, cohort_.certified_key()));
  MR_ASSERT_OK(cohort_.client(0).TakeShares(for_first));
  EXPECT_THAT(cohort_.client(0).TakeMasks(),
              Refuses(0, StatusCode::kInvalidArgument,
                      "advertisement of site press-003: X25519 public key"));
}

// The first was refused in the middle of sharing, when site 3 was fourth among six.
TEST_F(AdvertiseAttackTest, ASiteTakesAGoodCohortAfterABadOneAndKeepsNothingOfThat) {
  std::vector<v1::Advertisement> shown;
  for (const int site : all_) shown.push_back(cohort_.client(site).advertisement());
  shown[4] = Signed(4, [](auto& own) { own.set_seal_key(std::string(32, '\0')); });
  EXPECT_THAT(cohort_.client(3).TakeCohort(shown, cohort_.certified_key()),
              Refuses(3, StatusCode::kInvalidArgument, "advertisement of site press-004"));
  const Sites came = {1, 2, 3, 4, 5};
  MR_ASSERT_OK(cohort_.Advertise(came));
  MR_ASSERT_OK(cohort_.Share(came));
  MR_ASSERT_OK(cohort_.Upload(came));
  MR_ASSERT_OK(cohort_.Agree(came));
  // No share to spare: every one of site 3 counts.
  EXPECT_THAT(cohort_.FromReveal({1, 2, 3, 4}), IsOkAndHolds(cohort_.PlainSum(came)));
}

TEST_F(AdvertiseAttackTest, ASiteAdvertisesForItselfOnly) {
  EXPECT_THAT(Add(3, cohort_.client(2).advertisement()),
              Refuses(3, StatusCode::kPermissionDenied, "advertises for site press-002"));
  ExpectGoesOn();
}

TEST_F(AdvertiseAttackTest, ASiteWithoutTheAuthoritysSignatureIsNamed) {
  const CertifiedKey known = cohort_.certified_key();
  MR_ASSERT_OK(cohort_.Advertise(all_));
  const CertifiedKey authority = [&](const std::string& site, absl::string_view fingerprint) {
    auto key = known(site, fingerprint);
    if (site == "press-003") {
      key = absl::PermissionDeniedError("the authority did not sign its certificate");
    }
    return key;
  };
  EXPECT_THAT(cohort_.client(0).TakeCohort(cohort_.server().cohort(), authority),
              Refuses(0, StatusCode::kPermissionDenied,
                      "advertisement of site press-003: the authority did not sign"));
}

// Otherwise two sites could be shown two certificates for one name.
TEST_F(AdvertiseAttackTest, AnAdvertisementIsOfTheCertificateThatItNames) {
  v1::Advertisement other = cohort_.client(3).advertisement();
  const Digest digest = Sha256Of("a certificate of the same key, renewed");
  other.set_certificate_sha256(std::string(digest.bytes.begin(), digest.bytes.end()));
  EXPECT_THAT(Add(3, other), Refuses(3, StatusCode::kPermissionDenied, kBadSignature));
  std::vector<v1::Advertisement> shown;
  for (const int site : all_) shown.push_back(cohort_.client(site).advertisement());
  shown[3] = other;
  const CertifiedKey any = [](const std::string& site, absl::string_view) {
    return absl::StatusOr<std::shared_ptr<const VerifyingKey>>(
        std::make_shared<VerifyingKey>(SecureCohort::VerifyingKeyOf(site.back() - '0')));
  };
  EXPECT_THAT(cohort_.client(0).TakeCohort(shown, any),
              Refuses(0, StatusCode::kPermissionDenied, kBadSignature));
}

TEST_F(AdvertiseAttackTest, WrongLengthsAreRefused) {
  const auto refused = [&](const char* reason, const std::function<void(v1::Advertisement&)>& cut) {
    EXPECT_THAT(Add(3, Signed(3, cut)), Refuses(3, StatusCode::kInvalidArgument, reason));
  };
  for (const size_t length : {0, 31, 33, 5000}) {
    const std::string key(length, 'k');
    const std::string reason = absl::StrCat("a public key has ", length, " bytes, expected 32");
    refused(reason.c_str(), [&](auto& own) { own.set_mask_key(key); });
    refused(reason.c_str(), [&](auto& own) { own.set_seal_key(key); });
    EXPECT_THAT(Show(Signed(3, [&](auto& own) { own.set_mask_key(key); })),
                Refuses(0, StatusCode::kInvalidArgument, "site press-003: " + reason));
    EXPECT_THAT(Show(Signed(3, [&](auto& own) { own.set_seal_key(key); })),
                Refuses(0, StatusCode::kInvalidArgument, "site press-003: " + reason));
  }
  // It goes out to everybody.
  for (const size_t length : {0, 15, 17, 5000}) {
    refused("its nonce has", [&](auto& own) { own.set_nonce(std::string(length, 'n')); });
  }
  for (const size_t length : {0, 63, 65, 5000}) {
    v1::Advertisement cut = cohort_.client(3).advertisement();
    cut.mutable_signature()->resize(length, 's');
    EXPECT_THAT(Add(3, cut), Refuses(3, StatusCode::kPermissionDenied, kBadSignature));
    EXPECT_THAT(Show(cut), Refuses(0, StatusCode::kPermissionDenied, kBadSignature));
  }
  ExpectGoesOn();
}

TEST_F(AdvertiseAttackTest, ASiteIsShownEverybodyOnceAndInOrder) {
  std::vector<v1::Advertisement> cohort;
  for (const int site : all_) cohort.push_back(cohort_.client(site).advertisement());
  const auto refused = [&](const std::vector<v1::Advertisement>& shown, const char* reason) {
    EXPECT_THAT(cohort_.client(0).TakeCohort(shown, cohort_.certified_key()),
                Refuses(0, StatusCode::kInvalidArgument, reason));
  };
  std::vector<v1::Advertisement> shown = cohort;
  std::swap(shown[1], shown[2]);
  refused(shown, "advertisement of site press-001: out of order or twice");
  shown = cohort;
  shown.insert(shown.begin() + 2, cohort_.NewClient(1, SecureCohort::Context())->advertisement());
  refused(shown, "advertisement of site press-001: out of order or twice");
  ExpectGoesOn();
}

TEST_F(AdvertiseAttackTest, ASiteHelpsNoCohortThatItIsNotIn) {
  std::vector<v1::Advertisement> shown;
  for (const int site : {1, 2, 3, 4, 5}) shown.push_back(cohort_.client(site).advertisement());
  EXPECT_THAT(cohort_.client(0).TakeCohort(shown, cohort_.certified_key()),
              Refuses(0, StatusCode::kFailedPrecondition, "is not in the cohort it was shown"));
  // Nor under keys that it has forgotten.
  shown.insert(shown.begin(), cohort_.NewClient(0, SecureCohort::Context())->advertisement());
  EXPECT_THAT(cohort_.client(0).TakeCohort(shown, cohort_.certified_key()),
              Refuses(0, StatusCode::kPermissionDenied,
                      "advertisement of site press-000: is not what this site sent"));
  ExpectGoesOn();
}

TEST_F(AdvertiseAttackTest, OtherKeysOfTheSameSiteAreRefusedAndTheSameOnesTaken) {
  const auto again = cohort_.NewClient(3, SecureCohort::Context());
  MR_ASSERT_OK(Add(3, cohort_.client(3).advertisement()));
  EXPECT_THAT(Add(3, again->advertisement()),
              Refuses(3, StatusCode::kAlreadyExists, "has advertised other keys in this attempt"));
  MR_ASSERT_OK(cohort_.Advertise(all_));
  MR_EXPECT_OK(Add(3, cohort_.client(3).advertisement()));
  EXPECT_THAT(Add(3, again->advertisement()), Refuses(3, StatusCode::kAlreadyExists, "other keys"));
  EXPECT_THAT(Add(7, cohort_.NewClient(7, SecureCohort::Context())->advertisement()),
              Refuses(7, StatusCode::kFailedPrecondition, "the cohort is complete without it"));
  EXPECT_THAT(cohort_.FromShare(all_), IsOkAndHolds(cohort_.PlainSum(all_)));
}

}  // namespace
}  // namespace millrace
