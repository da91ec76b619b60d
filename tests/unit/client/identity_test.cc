// SPDX-License-Identifier: Apache-2.0
// A site's identity: what it believes of the coordinator, and that a crash leaves a whole pair.
#include <gmock/gmock.h>

#include "base/crypto/certificate.h"
#include "base/crypto/revocation_list.h"
#include "base/crypto/signing_request.h"
#include "base/memory_file_system.h"
#include "client/enrollment/identity_files.h"
#include "client/enrollment/trust_update.h"
#include "client/session/site_identity.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;

constexpr auto kDenied = absl::StatusCode::kPermissionDenied;

class IdentityTest : public ::testing::Test {
 protected:
  static std::string Der(const KeyAndCertificate& pair) {
    return CertificateDer(pair.certificate_pem).value();
  }
  KeyAndCertificate Issue(const KeyAndCertificate& authority, const std::string& site) {
    CertificateRequest request;
    request.identity = {Role::kSite, site};
    request.not_before = clock_.Now() - absl::Hours(1);
    request.not_after = clock_.Now() + absl::Hours(24 * 30);
    return IssueCertificate(authority, request).value();
  }
  std::string List(const KeyAndCertificate& authority, int64_t number,
                   const std::vector<std::string>& serials) {
    RevocationList list{number, {}};
    for (const std::string& serial : serials) list.since[serial] = clock_.Now();
    return SignRevocationList(authority, list, clock_.Now()).value();
  }
  /// As the coordinator answers: what it began with, and a step from there.
  v1::Trust Rotated() {
    v1::Trust trust;
    trust.add_authorities(Der(old_));
    const SignedTrust both = SignTrust({1, {Der(new_), Der(old_)}}, old_.key_pem).value();
    v1::TrustStatement& statement = *trust.add_statements();
    statement.set_number(1);
    for (const std::string& der : both.next.certificates) statement.add_authorities(der);
    statement.set_signature(both.signature);
    return trust;
  }

  testing::SimulatedClock clock_;
  const KeyAndCertificate old_ = CreateAuthority("acme", clock_.Now()).value();
  const KeyAndCertificate new_ = CreateAuthority("acme", clock_.Now()).value();
  const KeyAndCertificate site_ = Issue(old_, "press-7");
  const SiteCredentials held_{old_.certificate_pem, site_.certificate_pem, site_.key_pem, ""};
};

TEST_F(IdentityTest, FirstTrustIsTheTokensOrLeadsFromIt) {
  const Digest before = TrustDigest({0, {Der(old_)}});
  const Digest after = TrustDigest({1, {Der(new_), Der(old_)}});
  for (const Digest& token : {before, after}) {
    MR_ASSERT_OK_AND_ASSIGN(const TrustedAuthorities first, FirstTrust(Rotated(), token));
    EXPECT_EQ(first.number, 1);
    EXPECT_EQ(first.certificates.size(), 2u);
  }
  EXPECT_THAT(FirstTrust(Rotated(), TrustDigest({0, {Der(new_)}})),
              IsStatus(kDenied, HasSubstr("does not belong to the federation")));
  EXPECT_THAT(FirstTrust(v1::Trust(), TrustDigest({0, {}})),
              IsStatus(kDenied, HasSubstr("does not belong to the federation")));
}

TEST_F(IdentityTest, NewAuthorityIsTakenFromTheOldOneAndFromNobodyElse) {
  MR_ASSERT_OK_AND_ASSIGN(const TrustUpdate update, NewTrust(held_, Rotated()));
  MR_ASSERT_OK_AND_ASSIGN(const TrustedAuthorities now, ParseAuthorities(update.authority_pem));
  EXPECT_EQ(now.number, 1);
  v1::Trust forged = Rotated();
  forged.mutable_statements(0)->set_signature(
      SignTrust({1, {Der(new_), Der(old_)}}, new_.key_pem)->signature);
  EXPECT_THAT(NewTrust(held_, forged), IsStatus(kDenied, HasSubstr("not signed")));
}

TEST_F(IdentityTest, NothingNewLeavesEverythingAsItWas) {
  v1::Trust trust;
  trust.add_authorities(Der(old_));
  MR_ASSERT_OK_AND_ASSIGN(const TrustUpdate update, NewTrust(held_, trust));
  EXPECT_THAT(update.authority_pem, IsEmpty());
  EXPECT_THAT(update.revocation_pem, IsEmpty());
}

TEST_F(IdentityTest, OlderOrForgedRevocationListIsRefused) {
  SiteCredentials held = held_;
  held.revocation_pem = List(old_, 2, {"ab"});
  v1::Trust trust;
  trust.set_revocation_list(List(old_, 3, {"ab", "cd"}));
  EXPECT_EQ(NewTrust(held, trust)->revocation_pem, trust.revocation_list());
  trust.set_revocation_list(List(old_, 1, {}));
  EXPECT_THAT(NewTrust(held, trust), IsStatus(kDenied, HasSubstr("while this site holds 2")));
  trust.set_revocation_list(List(new_, 3, {}));
  EXPECT_THAT(NewTrust(held, trust), IsStatus(kDenied, HasSubstr("not signed")));
  MR_ASSERT_OK_AND_ASSIGN(const v1::GetTrustRequest ask, AskForTrust(held));
  EXPECT_EQ(ask.revocation_list(), 2);
}

TEST_F(IdentityTest, RenewalIsDueWithAThirdOfItsLifeLeft) {
  CertificateInfo info;
  info.not_before = clock_.Now();
  info.not_after = clock_.Now() + absl::Hours(30);
  EXPECT_FALSE(RenewalIsDue(info, clock_.Now() + absl::Hours(20) - absl::Seconds(1)));
  EXPECT_TRUE(RenewalIsDue(info, clock_.Now() + absl::Hours(20)));
  EXPECT_TRUE(RenewalIsDue(info, clock_.Now() + absl::Hours(40)));
}

TEST_F(IdentityTest, MembersOfACohortAreRefusedOnceRevoked) {
  const KeyAndCertificate other = Issue(old_, "press-8");
  const CertificateInfo info = ParseCertificate(other.certificate_pem).value();
  MR_ASSERT_OK_AND_ASSIGN(
      SiteIdentity identity,
      SiteIdentity::Create(held_.authority_pem, held_.certificate_pem, held_.key_pem, &clock_));
  MR_ASSERT_OK(identity.Learn(Der(other)));
  const std::string fingerprint = info.fingerprint.ToBytes();
  MR_ASSERT_OK(identity.KeyOf("press-8", fingerprint));
  MR_ASSERT_OK(identity.Update(held_.authority_pem, held_.certificate_pem, held_.key_pem,
                               List(old_, 1, {info.serial})));
  EXPECT_THAT(identity.KeyOf("press-8", fingerprint), IsStatus(kDenied, HasSubstr("revoked")));
}

TEST_F(IdentityTest, IdentityFollowsARenewalAndARotation) {
  MR_ASSERT_OK_AND_ASSIGN(
      SiteIdentity identity,
      SiteIdentity::Create(held_.authority_pem, held_.certificate_pem, held_.key_pem, &clock_));
  const KeyAndCertificate renewed = Issue(new_, "press-7");
  const std::string both = new_.certificate_pem + old_.certificate_pem;
  MR_ASSERT_OK(identity.Update(both, renewed.certificate_pem, renewed.key_pem, ""));
  EXPECT_EQ(identity.fingerprint(), ParseCertificate(renewed.certificate_pem)->fingerprint);
  MR_EXPECT_OK(identity.Learn(Der(Issue(old_, "press-8"))));
  MR_EXPECT_OK(identity.Learn(Der(Issue(new_, "press-9"))));
}

TEST_F(IdentityTest, CrashAtAnyMomentOfASwitchLeavesAWholePair) {
  const KeyAndCertificate renewed = Issue(old_, "press-7");
  for (int calls = 0;; ++calls) {
    MemoryFileSystem memory;
    testing::FaultyFileSystem disk(&memory);
    MR_ASSERT_OK(disk.CreateDirectories("/site"));
    IdentityFiles files(&disk, "/site/authority.crt", "/site/site.crt", "/site/site.key");
    MR_ASSERT_OK(files.SetAuthorities(held_.authority_pem));
    MR_ASSERT_OK(files.SetIdentity(held_.key_pem, held_.certificate_pem));
    disk.DieAt(calls);
    const bool whole = files.SetIdentity(renewed.key_pem, renewed.certificate_pem).ok();
    disk.Heal();
    MR_ASSERT_OK_AND_ASSIGN(const SiteCredentials now, files.Load());
    MR_EXPECT_OK(CheckCertificate(now.certificate_pem, now.authority_pem, now.key_pem, Role::kSite,
                                  clock_.Now(), "site.crt"))
        << "killed after " << calls;
    if (whole) {
      EXPECT_EQ(now.key_pem, renewed.key_pem);
      break;
    }
    ASSERT_LT(calls, 100);
  }
}

TEST_F(IdentityTest, KeyThatWaitsForItsCertificateIsKept) {
  MemoryFileSystem disk;
  MR_ASSERT_OK(disk.CreateDirectories("/site"));
  IdentityFiles files(&disk, "/site/authority.crt", "/site/site.crt", "/site/site.key");
  MR_ASSERT_OK_AND_ASSIGN(const std::string key, files.NextKey());
  MR_EXPECT_OK(KeyFingerprint(key));
  EXPECT_EQ(files.NextKey().value(), key);
  MR_ASSERT_OK(files.DropNextKey());
  EXPECT_NE(files.NextKey().value(), key);
}

}  // namespace
}  // namespace millrace
