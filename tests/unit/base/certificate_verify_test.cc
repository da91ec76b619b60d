// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "absl/strings/str_cat.h"
#include "base/crypto/certificate.h"
#include "base/random.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/base/certificate_testing.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::IsStatus;
using ::testing::StartsWith;

class VerifyPeerCertificateTest : public ::testing::Test {
 protected:
  VerifyPeerCertificateTest()
      : authority_(CreateAuthority("acme-presses", kNow).value()),
        pem_(Issue(authority_, Role::kSite, "press-7")),
        der_(CertificateDer(pem_).value()) {}

  static std::string Issue(const KeyAndCertificate& authority, Role role, const std::string& name) {
    return IssueCertificate(authority, RequestFor(role, name)).value().certificate_pem;
  }

  absl::StatusOr<CertificateInfo> Verify(const std::string& certificate,
                                         absl::Time now = kNow) const {
    return VerifyPeerCertificate(certificate, authority_.certificate_pem, Role::kSite, now);
  }

  const KeyAndCertificate authority_;
  const std::string pem_;
  const std::string der_;
};

TEST_F(VerifyPeerCertificateTest, AGoodCertificateTellsItsHolder) {
  for (const std::string& certificate : {pem_, der_}) {
    MR_ASSERT_OK_AND_ASSIGN(const CertificateInfo info, Verify(certificate));
    EXPECT_EQ(info.identity, (Identity{Role::kSite, "press-7"}));
    EXPECT_EQ(info.federation, "acme-presses");
    EXPECT_EQ(info.fingerprint, Sha256Of(der_));
  }
}

TEST_F(VerifyPeerCertificateTest, ACoordinatorsIsVerifiedAsOne) {
  const std::string pem = Issue(authority_, Role::kCoordinator, "main");
  MR_EXPECT_OK(
      VerifyPeerCertificate(pem, authority_.certificate_pem, Role::kCoordinator, kNow).status());
}

TEST_F(VerifyPeerCertificateTest, APublishersSignsPackagesAndCallsNobody) {
  MR_ASSERT_OK_AND_ASSIGN(const KeyAndCertificate publisher,
                          IssueCertificate(authority_, RequestFor(Role::kPublisher, "ada")));
  MR_ASSERT_OK_AND_ASSIGN(
      const CertificateInfo info,
      VerifyPeerCertificate(publisher.certificate_pem, authority_.certificate_pem, Role::kPublisher,
                            kNow));
  EXPECT_EQ(info.identity, (Identity{Role::kPublisher, "ada"}));
  const X509Ptr certificate = Load(publisher.certificate_pem);
  EXPECT_EQ(EVP_PKEY_is_a(X509_get0_pubkey(certificate.get()), "ED25519"), 1);
  EXPECT_EQ(X509_get_extended_key_usage(certificate.get()), uint32_t{XKU_CODE_SIGN});
  EXPECT_EQ(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_CLIENT, 0), 0);
}

TEST_F(VerifyPeerCertificateTest, AnotherRoleIsRefusedNamingBoth) {
  EXPECT_THAT(Verify(Issue(authority_, Role::kOperator, "ann")),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       AllOf(StartsWith("certificate of operator ann: "),
                             HasSubstr("expected the role site"))));
}

TEST_F(VerifyPeerCertificateTest, AnotherAuthorityIsRefusedNamingBoth) {
  MR_ASSERT_OK_AND_ASSIGN(const auto other, CreateAuthority("other-federation", kNow));
  EXPECT_THAT(Verify(Issue(other, Role::kSite, "press-8")),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       AllOf(StartsWith("certificate of site press-8: signed by another"),
                             HasSubstr("acme-presses"), HasSubstr("other-federation"))));
}

TEST_F(VerifyPeerCertificateTest, AnAuthorityOfTheSameNameWithAnotherKeyIsRefused) {
  MR_ASSERT_OK_AND_ASSIGN(const auto impostor, CreateAuthority("acme-presses", kNow));
  EXPECT_THAT(
      Verify(Issue(impostor, Role::kSite, "press-7")),
      IsStatus(absl::StatusCode::kFailedPrecondition,
               AllOf(StartsWith("certificate of site press-7: "), HasSubstr("with another key"))));
}

TEST_F(VerifyPeerCertificateTest, AnotherFederationIsRefusedNamingBoth) {
  EXPECT_THAT(Verify(WithAlternativeNames(authority_, pem_, "URI:millrace://other/site/press-7")),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       "certificate of site press-7: is for federation other, its "
                       "authority's is acme-presses"));
}

TEST_F(VerifyPeerCertificateTest, AnExpiredCertificateIsRefusedNamingTheDate) {
  MR_EXPECT_OK(Verify(pem_, kNow + kDefaultCertificateLife - absl::Seconds(1)).status());
  EXPECT_THAT(Verify(pem_, kNow + kDefaultCertificateLife),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       StartsWith("certificate of site press-7: expired on 2026-01-31 00:00:00")));
}

TEST_F(VerifyPeerCertificateTest, ACertificateOfTheFutureIsRefusedNamingTheDate) {
  EXPECT_THAT(Verify(pem_, kNow - absl::Seconds(1)),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       StartsWith("certificate of site press-7: not valid before 2026-01-01")));
}

TEST_F(VerifyPeerCertificateTest, TheAuthoritysOwnCertificateIsNoPeers) {
  EXPECT_THAT(Verify(authority_.certificate_pem),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("not a Millrace certificate: \"acme-presses\"")));
}

TEST_F(VerifyPeerCertificateTest, AnAuthorityThatIsNoCertificateIsSaidToBeSo) {
  EXPECT_THAT(VerifyPeerCertificate(pem_, "no certificate", Role::kSite, kNow),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       StartsWith("the authority's certificate: no certificate")));
}

TEST_F(VerifyPeerCertificateTest, WhatIsNoCertificateIsRefused) {
  for (const std::string& bytes :
       {std::string(), std::string("no certificate"), std::string("0"), std::string(100'000, '0'),
        der_.substr(0, der_.size() - 1), der_ + '\0', der_ + der_}) {
    EXPECT_THAT(Verify(bytes),
                IsStatus(absl::StatusCode::kInvalidArgument, StartsWith("no certificate")));
    EXPECT_EQ(ERR_peek_error(), 0u);
  }
}

TEST_F(VerifyPeerCertificateTest, ACertificateWithAnyByteChangedIsRefused) {
  Random random(1);
  for (size_t at = 0; at < der_.size(); ++at) {
    std::string changed = der_;
    changed[at] ^= static_cast<char>(1 + random.Below(255));
    EXPECT_FALSE(Verify(changed).ok()) << "byte " << at;
    EXPECT_EQ(ERR_peek_error(), 0u) << "byte " << at;
  }
}

// The outer SEQUENCE of indefinite length: what BER allows and DER does not.
TEST_F(VerifyPeerCertificateTest, AnotherEncodingOfTheSameCertificateIsRefused) {
  ASSERT_EQ(der_.substr(0, 2), "\x30\x82");  // two bytes of length follow
  const std::string ber = absl::StrCat("\x30\x80", der_.substr(4), absl::string_view("\0\0", 2));
  EXPECT_THAT(Verify(ber),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("not one in DER")));
}

TEST_F(VerifyPeerCertificateTest, PemAndDerAreTheSameCertificate) {
  EXPECT_THAT(CertificatePem(der_), IsOkAndHolds(pem_));
  EXPECT_THAT(CertificateDer("no certificate"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("expected PEM")));
  EXPECT_THAT(CertificatePem(pem_),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("not one in DER")));
}

}  // namespace
}  // namespace millrace
