// SPDX-License-Identifier: Apache-2.0
// What the authority signs, whatever the coordinator shows it.
#include <gmock/gmock.h>

#include "base/crypto/enrollment_token.h"
#include "base/crypto/renewal.h"
#include "base/crypto/signing_request.h"
#include "coordinator/cli/authority_files.h"
#include "coordinator/cli/certify.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/coordinator/cli_fake_connection.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;
using ::testing::SizeIs;

const absl::Time kToday = absl::FromUnixSeconds(1767225600);  // 2026-01-01 00:00:00 UTC
constexpr absl::Duration kLife = absl::Hours(24 * 30);

class CertifyTest : public ::testing::Test {
 protected:
  CertifyTest() {
    MR_EXPECT_OK(InitAuthority(PosixFileSystem(), folder_.path(), "acme", kToday));
    authority_ = AuthorityFolder::Open(PosixFileSystem(), folder_.path()).value();
    MR_EXPECT_OK(authority_->KeepInvitation("press-7", ProofKey(token_)));
  }

  /// As an honest site asks.
  v1::SigningRequest Enrollment(const std::string& key) const {
    v1::SigningRequest request;
    request.set_site("press-7");
    request.set_signing_request(MakeSigningRequest(key).value());
    request.set_proof(KeyProof(ProofKey(token_), KeyFingerprint(key).value()).ToBytes());
    return request;
  }
  v1::SigningRequest Renewal(const KeyAndCertificate& present, const std::string& key) const {
    v1::SigningRequest request;
    request.set_site("press-7");
    request.set_signing_request(MakeSigningRequest(key).value());
    request.set_certificate(CertificateDer(present.certificate_pem).value());
    request.set_signature(SignRenewal(present.key_pem, request.signing_request()).value());
    return request;
  }
  KeyAndCertificate Issue(const std::string& site) {
    CertificateRequest request;
    request.identity = {Role::kSite, site};
    request.not_before = kToday - absl::Hours(1);
    request.not_after = kToday + kLife;
    return authority_->Issue(request).value();
  }
  absl::Status Sign(const v1::SigningRequest& request, const std::string& key = "") {
    return Certify(request, key, kLife, kToday, *authority_, calls_).status();
  }

  const testing::TemporaryFolder folder_;
  std::unique_ptr<AuthorityFolder> authority_;
  const EnrollmentToken token_ = EnrollmentToken::New(Digest());
  const std::string key_ = NewPrivateKey().value();
  testing::FakeEnrollmentCalls calls_;
};

TEST_F(CertifyTest, KeyOfWhoHasTheTokenIsCertifiedForTheInvitedSite) {
  MR_ASSERT_OK(Sign(Enrollment(key_)));
  ASSERT_EQ(calls_.approved.size(), 1u);
  MR_ASSERT_OK_AND_ASSIGN(const std::string pem, CertificatePem(calls_.approved[0].certificate()));
  MR_EXPECT_OK(
      CheckCertificate(pem, authority_->authorities_pem(), key_, Role::kSite, kToday, "it"));
  EXPECT_EQ(ParseCertificate(pem)->identity.name, "press-7");
}

TEST_F(CertifyTest, NothingThatWasSentBeforeIsGoodForASecondCertificate) {
  const v1::SigningRequest request = Enrollment(key_);
  MR_ASSERT_OK(Sign(request));
  EXPECT_THAT(Sign(request),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("not invited")));
}

TEST_F(CertifyTest, KeyThatTheCoordinatorPutInIsNot) {
  v1::SigningRequest request = Enrollment(key_);
  request.set_signing_request(MakeSigningRequest(NewPrivateKey().value()).value());
  EXPECT_THAT(Sign(request), IsStatus(absl::StatusCode::kPermissionDenied,
                                      HasSubstr("not made by who has the token")));
  request.clear_proof();
  EXPECT_THAT(Sign(request), IsStatus(absl::StatusCode::kPermissionDenied,
                                      HasSubstr("not made by who has the token")));
  EXPECT_TRUE(calls_.approved.empty());
}

TEST_F(CertifyTest, WithoutAnInvitationHerePeopleCompareTheFingerprint) {
  v1::SigningRequest request = Enrollment(key_);
  request.set_site("press-8");
  EXPECT_THAT(Sign(request),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("--fingerprint")));
  EXPECT_THAT(Sign(request, KeyName(Sha256Of("another"))),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("another key")));
  MR_EXPECT_OK(Sign(request, KeyName(KeyFingerprint(key_).value())));
}

TEST_F(CertifyTest, RenewalIsForTheHolderOfAPresentCertificateThatCounts) {
  MR_EXPECT_OK(Sign(Renewal(Issue("press-7"), key_)));
  EXPECT_THAT(Sign(Renewal(Issue("press-8"), key_)),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("press-8")));
  v1::SigningRequest swapped = Renewal(Issue("press-7"), key_);
  swapped.set_signing_request(MakeSigningRequest(NewPrivateKey().value()).value());
  EXPECT_THAT(Sign(swapped),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("not signed")));
  const KeyAndCertificate other = CreateAuthority("acme", kToday).value();
  CertificateRequest request;
  request.identity = {Role::kSite, "press-7"};
  request.not_before = kToday;
  request.not_after = kToday + kLife;
  EXPECT_THAT(Sign(Renewal(IssueCertificate(other, request).value(), key_)),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("another authority")));
}

TEST_F(CertifyTest, RenewalIsForTheFingerprintThatWasComparedAndLeavesTheInvitation) {
  EXPECT_THAT(Sign(Renewal(Issue("press-7"), key_), KeyName(Sha256Of("another"))),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("another key")));
  MR_ASSERT_OK(Sign(Renewal(Issue("press-7"), key_), KeyName(KeyFingerprint(key_).value())));
  MR_EXPECT_OK(Sign(Enrollment(NewPrivateKey().value()))) << "of the invited machine";
}

TEST_F(CertifyTest, LineOfTheLedgerThatWasCutOffStopsNothing) {
  Issue("press-7");
  authority_.reset();
  testing::FaultyFileSystem disk(PosixFileSystem());
  authority_ = AuthorityFolder::Open(&disk, folder_.path()).value();
  CertificateRequest request;
  request.identity = {Role::kSite, "press-7"};
  request.not_before = kToday;
  request.not_after = kToday + kLife;
  disk.FailCall(testing::DiskCall::kWrite, 0, testing::DiskFault::kShortWrite);
  EXPECT_THAT(authority_->Issue(request),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("issued.log")));
  Issue("press-7");
  MR_ASSERT_OK(authority_->Revoke("press-7", {}, kToday));
  EXPECT_THAT(authority_->Revoked()->since, SizeIs(2));

  disk.FailCall(testing::DiskCall::kWrite, 0, testing::DiskFault::kShortWrite);
  disk.FailCall(testing::DiskCall::kTruncate, 0);
  EXPECT_FALSE(authority_->Issue(request).ok());
  Issue("press-7");
  MR_ASSERT_OK(authority_->Revoke("press-7", {}, kToday));
  EXPECT_THAT(authority_->Revoked()->since, SizeIs(3)) << "the torn line is left, and passed over";
}

TEST_F(CertifyTest, RevokedCertificateIsNotRenewed) {
  const KeyAndCertificate present = Issue("press-7");
  MR_ASSERT_OK(authority_->Revoke("press-7", {}, kToday));
  EXPECT_THAT(Sign(Renewal(present, key_)),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("was revoked")));
}

TEST_F(CertifyTest, RevocationOfAPersonTakesTheirCertificatesOfEveryRoleAndNoSites) {
  Issue("bob");  // a site of the same name
  CertificateRequest request;
  request.not_before = kToday;
  request.not_after = kToday + kLife;
  for (const Role role : {Role::kViewer, Role::kOperator, Role::kApprover}) {
    request.identity = {role, "bob"};
    MR_ASSERT_OK(authority_->Issue(request));
  }
  MR_ASSERT_OK(authority_->RevokePerson("bob", {}, kToday));
  EXPECT_THAT(authority_->Revoked()->since, SizeIs(3));
  EXPECT_THAT(authority_->RevokePerson("eve", {}, kToday),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("person eve")));
}

TEST_F(CertifyTest, RevokedPublisherStaysOnTheListAfterTheEndOfTheCertificate) {
  CertificateRequest request;
  request.identity = {Role::kPublisher, "bob"};
  request.not_before = kToday;
  request.not_after = kToday + kLife;
  MR_ASSERT_OK_AND_ASSIGN(const KeyAndCertificate bob, authority_->Issue(request));
  request.identity.name = "eve";
  MR_ASSERT_OK(authority_->Issue(request));
  MR_ASSERT_OK(authority_->RevokePerson("bob", {}, kToday));
  // What has served since then goes on: it is not asked whether a certificate has ended.
  MR_ASSERT_OK(authority_->RevokePerson("eve", {}, kToday + 2 * kLife));
  EXPECT_TRUE(authority_->Revoked()->Has(ParseCertificate(bob.certificate_pem)->serial));
  EXPECT_THAT(authority_->Revoked()->since, SizeIs(2));
}

TEST_F(CertifyTest, RevocationTakesEveryCertificateOfTheSiteOnce) {
  for (int i = 0; i < 3; ++i) Issue("press-7");
  Issue("press-8");
  MR_ASSERT_OK_AND_ASSIGN(const std::string first, authority_->Revoke("press-7", {}, kToday));
  MR_ASSERT_OK_AND_ASSIGN(const RevocationList list, authority_->Revoked());
  EXPECT_EQ(list.number, 1);
  EXPECT_THAT(list.since, SizeIs(3));
  EXPECT_EQ(authority_->Revoke("press-7", {}, kToday).value(), first) << "nothing is new";
  EXPECT_THAT(authority_->Revoke("press-9", {}, kToday),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("press-9")));
  MR_ASSERT_OK(authority_->Revoke("press-9", {"ab12"}, kToday + 2 * kLife));
  EXPECT_THAT(authority_->Revoked()->since, SizeIs(1)) << "expired ones have left";
}

TEST_F(CertifyTest, ListIsSignedAnewWithTheNextNumberAlsoWhereNobodyIsOnIt) {
  MR_ASSERT_OK(authority_->SignAnew(kToday));
  EXPECT_EQ(authority_->Revoked()->number, 1);
  EXPECT_THAT(authority_->Revoked()->since, SizeIs(0));
  Issue("press-7");
  MR_ASSERT_OK(authority_->Revoke("press-7", {}, kToday));
  MR_ASSERT_OK(authority_->SignAnew(kToday));
  EXPECT_EQ(authority_->Revoked()->number, 3);
  EXPECT_THAT(authority_->Revoked()->since, SizeIs(1));
}

TEST_F(CertifyTest, RotationThatWasCutOffIsTakenUpWhereItWas) {
  Issue("press-7");
  MR_ASSERT_OK(authority_->Revoke("press-7", {}, kToday));
  MR_ASSERT_OK_AND_ASSIGN(const auto begun, authority_->BeginRotation(kToday));
  authority_.reset();
  authority_ = AuthorityFolder::Open(PosixFileSystem(), folder_.path()).value();
  MR_ASSERT_OK_AND_ASSIGN(const auto again, authority_->BeginRotation(kToday));
  EXPECT_EQ(again.key_pem, begun.key_pem);
  EXPECT_EQ(again.statement.next.certificates, begun.statement.next.certificates);
  MR_EXPECT_OK(ApplyTrust(authority_->authorities(), again.statement));
  MR_ASSERT_OK_AND_ASSIGN(const std::string revoked, authority_->FinishRotation(again, kToday));
  MR_ASSERT_OK_AND_ASSIGN(const std::string alone,
                          CertificatePem(begun.statement.next.certificates[0]));
  EXPECT_EQ(VerifyRevocationList(revoked, alone)->number, 2) << "signed by the new authority";
  const KeyAndCertificate site = Issue("press-8");
  MR_EXPECT_OK(VerifyPeerCertificate(site.certificate_pem, alone, Role::kSite, kToday));
  MR_ASSERT_OK_AND_ASSIGN(const SignedTrust retirement, authority_->Retirement());
  MR_ASSERT_OK(authority_->Trust(retirement.next));
  EXPECT_THAT(authority_->Retirement(),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("only one authority")));
}

TEST_F(CertifyTest, StatementsAreKeptOnceTheyAreInEffectAndADamagedOneIsNamed) {
  const TrustedAuthorities before = authority_->authorities();
  MR_ASSERT_OK_AND_ASSIGN(const auto rotation, authority_->BeginRotation(kToday));
  MR_ASSERT_OK(authority_->KeepStatement(rotation.statement));
  EXPECT_TRUE(authority_->Statements()->empty()) << "it may yet come to nothing";
  MR_ASSERT_OK(authority_->FinishRotation(rotation, kToday));
  MR_ASSERT_OK_AND_ASSIGN(const auto kept, authority_->Statements());
  ASSERT_EQ(kept.size(), 1u);
  MR_ASSERT_OK_AND_ASSIGN(const TrustedAuthorities now, ApplyTrust(before, kept[0]));
  EXPECT_EQ(now.certificates, authority_->authorities().certificates);
  const std::string path = folder_.path() + "/statements/1";
  for (const std::string damaged : {"", "signature", "signature ?\n", "signature AAAA\nnone"}) {
    MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), path, damaged));
    EXPECT_THAT(authority_->Statements().status().message(), HasSubstr(path)) << damaged;
  }
}

TEST_F(CertifyTest, OneCommandAtATimeHasTheAuthority) {
  EXPECT_THAT(AuthorityFolder::Open(PosixFileSystem(), folder_.path()),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr(folder_.path())));
}

}  // namespace
}  // namespace millrace
