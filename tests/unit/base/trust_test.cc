// SPDX-License-Identifier: Apache-2.0
// Whom a federation trusts and whom it no longer does.
#include "base/crypto/trust.h"

#include <gmock/gmock.h>

#include "base/crypto/revocation_list.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/base/certificate_testing.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

class TrustTest : public ::testing::Test {
 protected:
  static std::string Der(const KeyAndCertificate& authority) {
    return CertificateDer(authority.certificate_pem).value();
  }
  SignedTrust Step(int64_t number, const std::vector<std::string>& certificates,
                   const KeyAndCertificate& signer) const {
    return SignTrust({number, certificates}, signer.key_pem).value();
  }

  const KeyAndCertificate old_ = CreateAuthority("acme", kNow).value();
  const KeyAndCertificate new_ = CreateAuthority("acme", kNow).value();
  const TrustedAuthorities held_{0, {Der(old_)}};
};

TEST_F(TrustTest, TheOldAuthorityVouchesForTheNewWhichThenRetiresIt) {
  const SignedTrust both = Step(1, {Der(new_), Der(old_)}, old_);
  const SignedTrust alone = Step(2, {Der(new_)}, new_);
  MR_ASSERT_OK_AND_ASSIGN(const auto overlap, ApplyTrust(held_, both));
  MR_ASSERT_OK_AND_ASSIGN(const auto after, ApplyTrust(overlap, alone));
  EXPECT_EQ(after.certificates, std::vector<std::string>{Der(new_)});
  MR_ASSERT_OK_AND_ASSIGN(const auto at_once,
                          ApplyTrust(held_, std::vector<SignedTrust>{both, alone}));
  EXPECT_EQ(at_once.number, 2);
}

TEST_F(TrustTest, NobodyVouchesForHimself) {
  EXPECT_THAT(ApplyTrust(held_, Step(1, {Der(new_), Der(old_)}, new_)),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("not signed by an authority that is trusted")));
}

TEST_F(TrustTest, StepsAreNeitherSkippedNorRepeated) {
  for (const int64_t number : {-1, 0, 2, 7}) {
    EXPECT_THAT(ApplyTrust(held_, Step(number, {Der(new_), Der(old_)}, old_)),
                IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("expected 1")));
  }
}

TEST_F(TrustTest, AStatementIsForItsCertificatesAlone) {
  SignedTrust statement = Step(1, {Der(new_), Der(old_)}, old_);
  statement.next.certificates = {Der(CreateAuthority("acme", kNow).value())};
  EXPECT_THAT(ApplyTrust(held_, statement),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("not signed")));
}

TEST_F(TrustTest, OnlyAuthoritiesOfThisFederationCount) {
  const KeyAndCertificate other = CreateAuthority("other", kNow).value();
  EXPECT_THAT(ApplyTrust(held_, Step(1, {Der(other)}, old_)),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("another federation")));
  const KeyAndCertificate site = IssueCertificate(old_, RequestFor(Role::kSite, "press-7")).value();
  EXPECT_THAT(ApplyTrust(held_, Step(1, {Der(site)}, old_)),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("no authority's")));
  EXPECT_THAT(ApplyTrust(held_, Step(1, {}, old_)),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("0 authorities")));
  EXPECT_THAT(ApplyTrust(held_, Step(1, {"junk"}, old_)),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("no certificate")));
}

TEST_F(TrustTest, FileKeepsTheStepAndIsPemForOthers) {
  MR_ASSERT_OK_AND_ASSIGN(const std::string pem, AuthoritiesPem({3, {Der(new_), Der(old_)}}));
  MR_ASSERT_OK_AND_ASSIGN(const auto read, ParseAuthorities(pem));
  EXPECT_EQ(read.number, 3);
  EXPECT_EQ(read.certificates, (std::vector<std::string>{Der(new_), Der(old_)}));
  MR_ASSERT_OK_AND_ASSIGN(const auto plain, ParseAuthorities(old_.certificate_pem));
  EXPECT_EQ(plain.number, 0);
  EXPECT_THAT(ParseAuthorities("Millrace-Trust: x\n" + old_.certificate_pem),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("Millrace-Trust")));
}

TEST_F(TrustTest, CertificatesOfEveryTrustedAuthorityCount) {
  const std::string both = new_.certificate_pem + old_.certificate_pem;
  for (const KeyAndCertificate* signer : {&old_, &new_}) {
    const auto site = IssueCertificate(*signer, RequestFor(Role::kSite, "press-7")).value();
    MR_EXPECT_OK(
        VerifyPeerCertificate(site.certificate_pem, both, Role::kSite, kNow + absl::Hours(1)));
  }
  const auto site = IssueCertificate(old_, RequestFor(Role::kSite, "press-7")).value();
  EXPECT_THAT(VerifyPeerCertificate(site.certificate_pem, new_.certificate_pem, Role::kSite,
                                    kNow + absl::Hours(1)),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("another authority")));
}

TEST_F(TrustTest, RevocationListSaysWhatWasSigned) {
  const RevocationList list{4, {{"0a1b", kNow}, {"ff00ff", kNow + absl::Hours(2)}}};
  MR_ASSERT_OK_AND_ASSIGN(const std::string pem, SignRevocationList(old_, list, kNow));
  MR_ASSERT_OK_AND_ASSIGN(const RevocationList read,
                          VerifyRevocationList(pem, new_.certificate_pem + old_.certificate_pem));
  EXPECT_EQ(read.number, 4);
  EXPECT_EQ(read.since, list.since);
  EXPECT_TRUE(read.Has("0a1b"));
  EXPECT_FALSE(read.Has("0a1c"));
}

TEST_F(TrustTest, SerialsOfRealCertificatesAreFoundInTheList) {
  for (int i = 0; i < 20; ++i) {
    const auto site = IssueCertificate(old_, RequestFor(Role::kSite, "press-7")).value();
    const std::string serial = ParseCertificate(site.certificate_pem)->serial;
    MR_ASSERT_OK_AND_ASSIGN(const std::string pem,
                            SignRevocationList(old_, {1, {{serial, kNow}}}, kNow));
    EXPECT_TRUE(VerifyRevocationList(pem, old_.certificate_pem)->Has(serial)) << serial;
  }
}

TEST_F(TrustTest, RevocationListOfAnotherAuthorityOrWithoutNumberIsRefused) {
  MR_ASSERT_OK_AND_ASSIGN(const std::string pem, SignRevocationList(new_, {1, {}}, kNow));
  EXPECT_THAT(VerifyRevocationList(pem, old_.certificate_pem),
              IsStatus(absl::StatusCode::kPermissionDenied,
                       HasSubstr("not signed by this federation's authority")));
  MR_ASSERT_OK_AND_ASSIGN(const std::string none, SignRevocationList(old_, {0, {}}, kNow));
  EXPECT_THAT(VerifyRevocationList(none, old_.certificate_pem),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("no number")));
  EXPECT_THAT(VerifyRevocationList("junk", old_.certificate_pem),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("expected PEM")));
  EXPECT_THAT(SignRevocationList(old_, {1, {{"no hex", kNow}}}, kNow),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("serial number")));
}

}  // namespace
}  // namespace millrace
