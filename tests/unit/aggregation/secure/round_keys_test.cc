// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/round_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/mask_set.h"
#include "aggregation/secure/transcript.h"
#include "base/crypto/hkdf.h"
#include "base/random.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::IsStatus;

template <size_t N>
std::string Text(const Secret<N>& secret) {
  return {secret.bytes().begin(), secret.bytes().end()};
}

template <size_t N>
Secret<N> Filled(uint64_t seed) {
  Random random(seed);
  Secret<N> secret;
  for (uint8_t& byte : secret.mutable_bytes()) byte = static_cast<uint8_t>(random.Next());
  return secret;
}

AgreementKey KeyOf(uint64_t seed) { return AgreementKey::FromSecret(Filled<32>(seed)); }

/// Of cohorts that differ in one thing of their context.
std::vector<Digest> Cohorts() {
  std::vector<SecureContext> contexts(
      8, {"plants", "bearings", 41, 2, Sha256Of("model"), Sha256Of("plan"), Sha256Of("scaling")});
  contexts[1].federation = "plants-2";
  contexts[2].run = "bearings-2";
  contexts[3].round = 42;
  contexts[4].attempt = 3;
  contexts[5].model = Sha256Of("model 2");
  contexts[6].plan = Sha256Of("plan 2");
  contexts[7].scaling = Sha256Of("scaling 2");
  std::vector<Digest> cohorts;
  for (const SecureContext& context : contexts) {
    cohorts.push_back(CohortDigest(DigestOf(context), {}));
  }
  return cohorts;
}

TEST(RoundKeysTest, BothSidesDeriveTheSamePairMask) {
  const Digest cohort = Sha256Of("cohort");
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const AgreementKey a = KeyOf(seed), b = KeyOf(seed + 100);
    MR_ASSERT_OK_AND_ASSIGN(const MaskKey ab, PairMaskKey(cohort, a, b.public_key(), 3, 12));
    MR_ASSERT_OK_AND_ASSIGN(const MaskKey ba, PairMaskKey(cohort, b, a.public_key(), 12, 3));
    EXPECT_THAT(ab.bytes(), ElementsAreArray(ba.bytes()));
  }
}

TEST(RoundKeysTest, EveryKeyIsDerivedAsDocumented) {
  const Digest cohort = Sha256Of("cohort");
  const auto expected = [&](std::span<const uint8_t> secret, const std::string& info,
                            size_t bytes) {
    std::string key(bytes, '\0');
    HkdfSha256(secret, {}, info + std::string(cohort.bytes.begin(), cohort.bytes.end()),
               {reinterpret_cast<uint8_t*>(key.data()), key.size()});
    return key;
  };
  const AgreementKey a = KeyOf(1), b = KeyOf(2);
  const Secret<32> agreed = a.Agree(b.public_key()).value();
  EXPECT_EQ(Text(*PairMaskKey(cohort, a, b.public_key(), 12, 3)),
            expected(agreed.bytes(), "millrace mask v1 3 12 ", 16));
  const MaskSeed seed = Filled<16>(3);
  EXPECT_EQ(Text(OwnMaskKey(cohort, seed, 7)),
            expected(seed.bytes(), "millrace own mask v1 7 7 ", 16));
  EXPECT_EQ(SeedCommitment(cohort, seed, 7),
            expected(seed.bytes(), "millrace seed commitment v1 7 7 ", 32));
}

// Whatever two keys differ in: the context, the places, the secrets or the purpose.
TEST(RoundKeysTest, NoTwoKeysAreAlike) {
  std::set<std::string> keys;
  const auto differs = [&](const std::string& key) {
    EXPECT_TRUE(keys.insert(key.substr(0, 16)).second);
  };
  for (const Digest& cohort : Cohorts()) {
    for (const uint64_t secret : {1, 2}) {
      const AgreementKey own = KeyOf(secret);
      const AgreementPublicKey peer = KeyOf(9).public_key();
      const MaskSeed seed = Filled<16>(secret);
      for (const int32_t index : {0, 1, 11}) {
        differs(Text(OwnMaskKey(cohort, seed, index)));
        differs(SeedCommitment(cohort, seed, index));
        for (const int32_t other : {2, 3, 12}) {
          differs(Text(*PairMaskKey(cohort, own, peer, index, other)));
        }
      }
    }
  }
  EXPECT_EQ(keys.size(), 8u * 2 * 3 * 5);
}

// Two sites that were sent different models, or share nothing but the round's name.
TEST(RoundKeysTest, MasksFromDifferentCohortsDoNotCancel) {
  const AgreementKey a = KeyOf(1), b = KeyOf(2);
  const std::vector<Digest> cohorts = Cohorts();
  for (size_t i = 0; i < cohorts.size(); ++i) {
    MaskSet masks;
    masks.Add(*PairMaskKey(cohorts[0], a, b.public_key(), 0, 1), false);
    masks.Add(*PairMaskKey(cohorts[i], b, a.public_key(), 1, 0), true);
    std::vector<uint32_t> sum(1000, 0);
    AddMasks(sum, 0, masks.masks());
    const auto cancelled = std::ranges::count(sum, 0u);
    EXPECT_EQ(cancelled, i == 0 ? 1000 : 0) << i;  // by chance: 1000 * 2^-32
  }
}

TEST(RoundKeysTest, AKeyThatAgreesWithNobodyGivesNoMask) {
  AgreementPublicKey low_order{};
  for (const uint8_t first : {0, 1}) {
    low_order[0] = first;
    EXPECT_THAT(PairMaskKey({}, KeyOf(1), low_order, 0, 1),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("low order")));
    EXPECT_THAT(SealShares({}, KeyOf(1), low_order, 0, 1, ShareBundle()),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("low order")));
    EXPECT_THAT(OpenShares({}, KeyOf(1), low_order, 0, 1, std::string(kSealedShareBytes, 'x')),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("low order")));
  }
}

class SealedSharesTest : public ::testing::Test {
 protected:
  const Digest cohort_ = Sha256Of("cohort");
  const AgreementKey from_ = KeyOf(1), to_ = KeyOf(2);
  const ShareBundle bundle_ = Filled<64>(3);
  const std::string sealed_ = SealShares(cohort_, from_, to_.public_key(), 4, 7, bundle_).value();
};

TEST_F(SealedSharesTest, OpenAsTheyWereSealed) {
  EXPECT_EQ(sealed_.size(), 80u);
  MR_ASSERT_OK_AND_ASSIGN(const ShareBundle opened,
                          OpenShares(cohort_, to_, from_.public_key(), 4, 7, sealed_));
  EXPECT_THAT(opened.bytes(), ElementsAreArray(bundle_.bytes()));
}

TEST_F(SealedSharesTest, OpenForNobodyElseInNoOtherPlaceAndNoOtherCohort) {
  const auto lost = IsStatus(absl::StatusCode::kDataLoss, HasSubstr("its tag does not fit"));
  const AgreementKey stranger = KeyOf(5);
  EXPECT_THAT(OpenShares(Sha256Of("x"), to_, from_.public_key(), 4, 7, sealed_), lost);
  EXPECT_THAT(OpenShares(cohort_, stranger, from_.public_key(), 4, 7, sealed_), lost);
  EXPECT_THAT(OpenShares(cohort_, to_, stranger.public_key(), 4, 7, sealed_), lost);
  EXPECT_THAT(OpenShares(cohort_, to_, from_.public_key(), 5, 7, sealed_), lost);
  EXPECT_THAT(OpenShares(cohort_, to_, from_.public_key(), 4, 8, sealed_), lost);
  EXPECT_THAT(OpenShares(cohort_, to_, from_.public_key(), 7, 4, sealed_), lost);
}

TEST_F(SealedSharesTest, AnyChangedBitIsRefused) {
  for (size_t bit = 0; bit < 8 * sealed_.size(); ++bit) {
    std::string changed = sealed_;
    changed[bit / 8] ^= static_cast<char>(1 << bit % 8);
    EXPECT_THAT(OpenShares(cohort_, to_, from_.public_key(), 4, 7, changed),
                IsStatus(absl::StatusCode::kDataLoss, HasSubstr("its tag does not fit")));
  }
}

TEST_F(SealedSharesTest, WrongLengthsAreRefused) {
  for (const size_t length : {0, 15, 16, 79, 81, 5000}) {
    std::string cut = sealed_;
    cut.resize(length);
    EXPECT_THAT(OpenShares(cohort_, to_, from_.public_key(), 4, 7, cut),
                IsStatus(absl::StatusCode::kInvalidArgument,
                         HasSubstr(absl::StrCat("sealed message of ", length, " bytes"))));
  }
}

TEST(ShareBundleTest, HoldsBothSharesInTheirPlaces) {
  ShamirShare<32> mask_key;
  ShamirShare<16> seed;
  for (size_t i = 0; i < 5; ++i) mask_key.values[i] = 0x0102030405060708 + i;
  for (size_t i = 0; i < 3; ++i) seed.values[i] = 0x1112131415161718 + i;
  const ShareBundle bundle = Bundle(mask_key, seed);
  EXPECT_EQ(bundle.bytes()[0], 0x08);  // little-endian
  EXPECT_EQ(bundle.bytes()[40], 0x18);
  EXPECT_EQ(MaskKeyShare(bundle).size() + SeedShare(bundle).size(), bundle.bytes().size());
  EXPECT_THAT(ReadMaskKeyShare(MaskKeyShare(bundle)), IsOkAndHolds(mask_key));
  EXPECT_THAT(ReadSeedShare(SeedShare(bundle)), IsOkAndHolds(seed));
}

TEST(ShareBundleTest, WrongLengthsAreRefused) {
  for (const size_t length : {0, 23, 25, 39, 41, 64}) {
    const auto refused = [&](int expected) {
      return IsStatus(absl::StatusCode::kInvalidArgument,
                      absl::StrCat("a share has ", length, " bytes, expected ", expected));
    };
    EXPECT_THAT(ReadMaskKeyShare(std::string(length, 'k')), refused(40));
    EXPECT_THAT(ReadSeedShare(std::string(length, 's')), refused(24));
  }
  EXPECT_THAT(
      ReadPublicKey(std::string(31, 'k')),
      IsStatus(absl::StatusCode::kInvalidArgument, "a public key has 31 bytes, expected 32"));
  EXPECT_THAT(ReadPublicKey(std::string(32, 'k')), testing::IsOk());
}

}  // namespace
}  // namespace millrace
