// SPDX-License-Identifier: Apache-2.0
// What brings a site's key to its certificate: tokens, signing requests, renewals.
#include <gmock/gmock.h>
#include <openssl/err.h>

#include <set>

#include "base/crypto/enrollment_token.h"
#include "base/crypto/renewal.h"
#include "base/crypto/signing_request.h"
#include "base/random.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/base/certificate_testing.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::IsStatus;
using ::testing::Not;

class SigningRequestTest : public ::testing::Test {
 protected:
  const KeyAndCertificate authority_ = CreateAuthority("acme", kNow).value();
  const std::string key_ = NewPrivateKey().value();
  const std::string request_ = MakeSigningRequest(key_).value();
};

TEST_F(SigningRequestTest, CertificateIsForTheRequestsKeyAndTheNameThatTheAuthorityGives) {
  EXPECT_THAT(VerifySigningRequest(request_), IsOkAndHolds(KeyFingerprint(key_).value()));
  MR_ASSERT_OK_AND_ASSIGN(
      const std::string pem,
      CertifySigningRequest(authority_, request_, RequestFor(Role::kSite, "press-7")));
  MR_EXPECT_OK(CheckCertificate(pem, authority_.certificate_pem, key_, Role::kSite,
                                kNow + absl::Hours(1), "site.crt"));
  MR_ASSERT_OK_AND_ASSIGN(const CertificateInfo info, ParseCertificate(pem));
  EXPECT_EQ(info.identity, (Identity{Role::kSite, "press-7"}));
  EXPECT_EQ(info.key, KeyFingerprint(key_).value());
}

TEST_F(SigningRequestTest, RequestWithAnyByteChangedIsRefused) {
  Random random(1);
  for (size_t at = 0; at < request_.size(); ++at) {
    std::string changed = request_;
    changed[at] ^= static_cast<char>(1 + random.Below(255));
    EXPECT_THAT(VerifySigningRequest(changed),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("signing request")));
    EXPECT_EQ(ERR_peek_error(), 0u);
  }
}

TEST_F(SigningRequestTest, WhatIsNoRequestIsRefused) {
  for (const std::string& bytes : {std::string(), std::string("0"), std::string(100'000, '0'),
                                   request_ + "x", request_.substr(1)}) {
    EXPECT_THAT(VerifySigningRequest(bytes),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("signing request")));
  }
}

TEST_F(SigningRequestTest, RenewalIsSignedByThePresentKeyOverExactlyThisRequest) {
  MR_ASSERT_OK_AND_ASSIGN(const auto present,
                          IssueCertificate(authority_, RequestFor(Role::kSite, "press-7")));
  MR_ASSERT_OK_AND_ASSIGN(const std::string der, CertificateDer(present.certificate_pem));
  MR_ASSERT_OK_AND_ASSIGN(const std::string signature, SignRenewal(present.key_pem, request_));
  MR_EXPECT_OK(VerifyRenewal(der, request_, signature));
  EXPECT_THAT(VerifyRenewal(der, MakeSigningRequest(NewPrivateKey().value()).value(), signature),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("renewal")));
  MR_ASSERT_OK_AND_ASSIGN(const std::string others, SignRenewal(key_, request_));
  EXPECT_THAT(VerifyRenewal(der, request_, others),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("renewal")));
}

TEST(EnrollmentTokenTest, IsReadBackWhole) {
  const EnrollmentToken token = EnrollmentToken::New(Sha256Of("authority"));
  MR_ASSERT_OK_AND_ASSIGN(const EnrollmentToken read,
                          ParseEnrollmentToken("  " + ToText(token) + "\n"));
  EXPECT_EQ(RedeemKey(read), RedeemKey(token));
  EXPECT_EQ(ProofKey(read), ProofKey(token));
  EXPECT_EQ(read.authority, Sha256Of("authority"));
}

TEST(EnrollmentTokenTest, AnySlipIsNoticedAndNotQuoted) {
  const std::string text = ToText(EnrollmentToken::New(Sha256Of("authority")));
  for (size_t at = 0; at < text.size(); ++at) {
    std::string slip = text;
    slip[at] = slip[at] == 'x' ? 'y' : 'x';
    EXPECT_THAT(ParseEnrollmentToken(slip),
                IsStatus(absl::StatusCode::kInvalidArgument, Not(HasSubstr(slip.substr(10)))))
        << "at " << at;
    EXPECT_FALSE(ParseEnrollmentToken(text.substr(0, at)).ok());
  }
}

TEST(EnrollmentTokenTest, NoTwoAreAlikeAndTheirKeysDiffer) {
  std::set<Digest> seen;
  for (int i = 0; i < 100; ++i) {
    const EnrollmentToken token = EnrollmentToken::New(Digest());
    seen.insert(RedeemKey(token));
    seen.insert(ProofKey(token));
    seen.insert(KeyProof(ProofKey(token), Digest()));
  }
  EXPECT_EQ(seen.size(), 300u);
}

}  // namespace
}  // namespace millrace
