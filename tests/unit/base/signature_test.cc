// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/signature.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "base/crypto/certificate.h"
#include "base/random.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/base/certificate_testing.h"
#include "tests/unit/base/hex.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

struct Example {
  absl::string_view seed;
  absl::string_view public_key;
  absl::string_view message;
  absl::string_view signature;
};

// RFC 8032, section 7.1, tests 1 to 3.
constexpr Example kExamples[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
     "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da0"
     "85ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac1"
     "8ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

TEST(Ed25519Test, MatchesRfc8032Section71) {
  for (const Example& example : kExamples) {
    const Secret<32> seed(BytesOf<32>(example.seed));
    const std::string message = absl::HexStringToBytes(example.message);
    EXPECT_EQ(HexOf(Ed25519PublicKeyOf(seed)), example.public_key);
    EXPECT_EQ(absl::BytesToHexString(SigningKey::FromEd25519Seed(seed).Sign(message)),
              example.signature);
    EXPECT_TRUE(VerifyingKey::FromEd25519(BytesOf<32>(example.public_key))
                    .Verify(message, absl::HexStringToBytes(example.signature)));
  }
}

TEST(Ed25519Test, ASignatureIsForOneMessageOfOneKey) {
  const Secret<32> seed = Secret<32>::Random();
  const Secret<32> other_seed = Secret<32>::Random();
  const VerifyingKey key = VerifyingKey::FromEd25519(Ed25519PublicKeyOf(seed));
  const VerifyingKey other = VerifyingKey::FromEd25519(Ed25519PublicKeyOf(other_seed));
  const std::string signature = SigningKey::FromEd25519Seed(seed).Sign("round 41");
  EXPECT_TRUE(key.Verify("round 41", signature));
  EXPECT_FALSE(key.Verify("round 42", signature));
  EXPECT_FALSE(other.Verify("round 41", signature));
}

TEST(Ed25519Test, BytesThatAreNoPointVerifyNothing) {
  Random random(1);
  const std::string signature = SigningKey::FromEd25519Seed(Secret<32>::Random()).Sign("round 41");
  for (int trial = 0; trial < 100; ++trial) {
    Ed25519PublicKey bytes;
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Below(256));
    EXPECT_FALSE(VerifyingKey::FromEd25519(bytes).Verify("round 41", signature));
  }
}

/// The keys that our certificates are for: ECDSA on P-256.
class CertificateSignatureTest : public ::testing::Test {
 protected:
  CertificateSignatureTest()
      : authority_(CreateAuthority("acme-presses", kNow).value()),
        site_(IssueCertificate(authority_, RequestFor(Role::kSite, "press-7")).value()),
        signing_(SigningKey::FromPem(site_.key_pem).value()),
        verifying_(VerifyingKey::FromCertificate(site_.certificate_pem).value()) {}

  const KeyAndCertificate authority_;
  const KeyAndCertificate site_;
  const SigningKey signing_;
  const VerifyingKey verifying_;
};

TEST_F(CertificateSignatureTest, TheCertificateVerifiesWhatItsKeySigned) {
  for (const std::string& message :
       {std::string(), std::string("round 41"), std::string(5000, 'x')}) {
    EXPECT_TRUE(verifying_.Verify(message, signing_.Sign(message)));
  }
}

TEST_F(CertificateSignatureTest, TheCertificateMayComeAsDer) {
  MR_ASSERT_OK_AND_ASSIGN(const std::string der, CertificateDer(site_.certificate_pem));
  MR_ASSERT_OK_AND_ASSIGN(const VerifyingKey key, VerifyingKey::FromCertificate(der));
  EXPECT_TRUE(key.Verify("round 41", signing_.Sign("round 41")));
}

TEST_F(CertificateSignatureTest, TheSignatureIsDerOfAtMost72Bytes) {
  for (int i = 0; i < 20; ++i) {
    const std::string signature = signing_.Sign("round 41");
    EXPECT_EQ(signature[0], '\x30');
    EXPECT_EQ(static_cast<size_t>(signature[1]), signature.size() - 2);
    EXPECT_LE(signature.size(), 72u);
  }
}

TEST_F(CertificateSignatureTest, AnotherMessageOrAnotherHolderIsRefused) {
  const std::string signature = signing_.Sign("round 41");
  EXPECT_FALSE(verifying_.Verify("round 42", signature));
  MR_ASSERT_OK_AND_ASSIGN(const VerifyingKey authority,
                          VerifyingKey::FromCertificate(authority_.certificate_pem));
  EXPECT_FALSE(authority.Verify("round 41", signature));
}

TEST_F(CertificateSignatureTest, AHostileSignatureIsRefusedAndLeavesNoError) {
  const std::string good = signing_.Sign("round 41");
  std::vector<std::string> hostile = {
      "", "0", std::string(72, '\0'), std::string(100'000, '\xff'), good + '\0', good.substr(1)};
  for (size_t at = 0; at < good.size(); ++at) {
    hostile.push_back(good.substr(0, at));
    hostile.push_back(good);
    hostile.back()[at] ^= 1;
  }
  for (const std::string& signature : hostile) {
    EXPECT_FALSE(verifying_.Verify("round 41", signature)) << absl::BytesToHexString(signature);
    EXPECT_EQ(ERR_peek_error(), 0u);
  }
}

std::string PemOf(EVP_PKEY* key) {
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, size);
  BIO_free(bio);
  EVP_PKEY_free(key);
  return pem;
}

TEST(SigningKeyTest, AnEd25519KeyIsReadFromPem) {
  const Secret<32> seed(BytesOf<32>(kExamples[0].seed));
  const std::string pem = PemOf(EVP_PKEY_new_raw_private_key(
      EVP_PKEY_ED25519, nullptr, seed.bytes().data(), seed.bytes().size()));
  MR_ASSERT_OK_AND_ASSIGN(const SigningKey key, SigningKey::FromPem(pem));
  EXPECT_EQ(absl::BytesToHexString(key.Sign("")), kExamples[0].signature);
}

TEST(SigningKeyTest, KeysOfOtherKindsAreRefused) {
  for (EVP_PKEY* const key :
       {EVP_EC_gen("P-384"), EVP_RSA_gen(2048), EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519")}) {
    EXPECT_THAT(
        SigningKey::FromPem(PemOf(key)),
        IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("neither on P-256 nor of Ed25519")));
    EXPECT_EQ(ERR_peek_error(), 0u);
  }
}

TEST(SigningKeyTest, WhatIsNoKeyOrCertificateIsRefused) {
  EXPECT_THAT(SigningKey::FromPem("no key"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("no private key")));
  EXPECT_THAT(VerifyingKey::FromCertificate("no certificate"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("no certificate")));
  EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace millrace
