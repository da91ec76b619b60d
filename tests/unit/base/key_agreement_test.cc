// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/key_agreement.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <utility>

#include "tests/testing/status_matchers.h"
#include "tests/unit/base/hex.h"

namespace millrace {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using testing::IsStatus;

AgreementKey KeyOf(absl::string_view secret) {
  return AgreementKey::FromSecret(Secret<32>(BytesOf<32>(secret)));
}

std::string AgreeInHex(absl::string_view secret, absl::string_view peer_public) {
  const auto shared = KeyOf(secret).Agree(BytesOf<32>(peer_public));
  return shared.ok() ? HexOf(shared->bytes()) : shared.status().ToString();
}

TEST(KeyAgreementTest, MatchesRfc7748Section52) {
  EXPECT_EQ(AgreeInHex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                       "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  // The peer's key has its unused top bit set.
  EXPECT_EQ(AgreeInHex("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                       "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"),
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

TEST(KeyAgreementTest, MatchesRfc7748Section52After1000Iterations) {
  AgreementPublicKey point{9};
  Secret<32> scalar(point);
  for (int i = 0; i < 1000; ++i) {
    MR_ASSERT_OK_AND_ASSIGN(Secret<32> next, AgreementKey::FromSecret(scalar.Clone()).Agree(point));
    std::copy(scalar.bytes().begin(), scalar.bytes().end(), point.begin());
    scalar = std::move(next);
    if (i == 0) {
      ASSERT_EQ(HexOf(scalar.bytes()),
                "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
  }
  EXPECT_EQ(HexOf(scalar.bytes()),
            "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST(KeyAgreementTest, MatchesRfc7748Section61) {
  const AgreementKey alice =
      KeyOf("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const AgreementKey bob =
      KeyOf("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  EXPECT_EQ(HexOf(alice.public_key()),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(HexOf(bob.public_key()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  MR_ASSERT_OK_AND_ASSIGN(const Secret<32> shared, alice.Agree(bob.public_key()));
  EXPECT_EQ(HexOf(shared.bytes()),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  MR_ASSERT_OK_AND_ASSIGN(const Secret<32> other_way, bob.Agree(alice.public_key()));
  EXPECT_THAT(other_way.bytes(), ElementsAreArray(shared.bytes()));
}

TEST(KeyAgreementTest, TwoNewKeysAgree) {
  const AgreementKey one = AgreementKey::Generate();
  const AgreementKey other = AgreementKey::Generate();
  ASSERT_NE(one.public_key(), other.public_key());
  MR_ASSERT_OK_AND_ASSIGN(const Secret<32> shared, one.Agree(other.public_key()));
  MR_ASSERT_OK_AND_ASSIGN(const Secret<32> other_way, other.Agree(one.public_key()));
  EXPECT_THAT(other_way.bytes(), ElementsAreArray(shared.bytes()));
}

TEST(KeyAgreementTest, ASecretGivesItsKeyBack) {
  const AgreementKey key = AgreementKey::Generate();
  EXPECT_EQ(AgreementKey::FromSecret(key.secret().Clone()).public_key(), key.public_key());
}

// The points of order 1, 2, 4 and 8, and p and p + 1, which are written forms of two of them.
TEST(KeyAgreementTest, APublicKeyOfLowOrderIsRefusedAndQuoted) {
  const AgreementKey key = AgreementKey::Generate();
  for (const absl::string_view hex :
       {"0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    EXPECT_THAT(key.Agree(BytesOf<32>(hex)),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(std::string(hex))));
    EXPECT_EQ(ERR_peek_error(), 0u);
  }
}

}  // namespace
}  // namespace millrace
