// SPDX-License-Identifier: Apache-2.0
#include "coordinator/enrollment/enrollment.h"

#include <gmock/gmock.h>

#include "base/crypto/renewal.h"
#include "base/crypto/signing_request.h"
#include "base/text.h"
#include "coordinator/enrollment/audit_log.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;

constexpr auto kDenied = absl::StatusCode::kPermissionDenied;

class EnrollmentTest : public ::testing::Test {
 protected:
  EnrollmentTest() { MR_EXPECT_OK(enrollment_.Invite("press-7", Sha256Of("token"), life_)); }

  absl::StatusOr<CertificateCase> Redeem(const std::string& request) {
    return enrollment_.Redeem("token", request, std::string(32, 'p'));
  }
  static std::string NewRequest() { return MakeSigningRequest(NewPrivateKey().value()).value(); }
  std::string Certify(const std::string& request, const std::string& site,
                      const KeyAndCertificate& authority) {
    CertificateRequest certified;
    certified.identity = {Role::kSite, site};
    certified.not_before = clock_.Now() - absl::Hours(1);
    certified.not_after = clock_.Now() + absl::Hours(24);
    return CertificateDer(CertifySigningRequest(authority, request, certified).value()).value();
  }

  testing::SimulatedClock clock_;
  const absl::Duration life_ = absl::Hours(24);
  const KeyAndCertificate authority_ = CreateAuthority("acme", clock_.Now()).value();
  const testing::TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/store.sqlite";
  std::unique_ptr<EnrollmentStore> store_ = OpenSqliteEnrollmentStore(path_).value();
  std::unique_ptr<Membership> membership_ =
      Membership::Create(authority_.certificate_pem, store_.get(), &clock_).value();
  Enrollment enrollment_{store_.get(), membership_.get(), &clock_};
  const std::string request_ = NewRequest();
};

TEST_F(EnrollmentTest, TokenIsBoundToTheFirstKeyThatComesWithIt) {
  MR_ASSERT_OK_AND_ASSIGN(const CertificateCase opened, Redeem(request_));
  EXPECT_EQ(opened.site, "press-7");
  EXPECT_EQ(opened.state, RequestState::kPending);
  MR_EXPECT_OK(Redeem(request_)) << "the same key asks again";
  EXPECT_THAT(Redeem(NewRequest()), IsStatus(kDenied, HasSubstr("used already")));
}

TEST_F(EnrollmentTest, TokenThatNobodyMadeOrThatIsTooOldIsRefused) {
  EXPECT_THAT(enrollment_.Redeem("another", request_, std::string(32, 'p')),
              IsStatus(kDenied, AllOf(HasSubstr("not known"), HasSubstr("millrace site invite"))));
  clock_.Advance(life_);
  EXPECT_THAT(Redeem(request_), IsStatus(kDenied, HasSubstr("expired on")));
}

TEST_F(EnrollmentTest, RedeemedTokenIsGoodForItsKeyAfterItsEnd) {
  MR_ASSERT_OK(Redeem(request_));
  clock_.Advance(2 * life_);
  MR_EXPECT_OK(Redeem(request_));
}

TEST_F(EnrollmentTest, NewInvitationTakesThePlaceOfOneThatWasNotUsed) {
  MR_ASSERT_OK(enrollment_.Invite("press-7", Sha256Of("newer"), life_));
  EXPECT_THAT(Redeem(request_), IsStatus(kDenied, HasSubstr("not known")));
  MR_EXPECT_OK(enrollment_.Redeem("newer", request_, std::string(32, 'p')));
}

TEST_F(EnrollmentTest, StoreHoldsNothingThatRedeemsAToken) {
  MR_ASSERT_OK_AND_ASSIGN(const auto kept, store_->FindInvitation(Sha256Of("token")));
  ASSERT_TRUE(kept);
  EXPECT_THAT(enrollment_.Redeem(kept->token.ToBytes(), request_, std::string(32, 'p')),
              IsStatus(kDenied, HasSubstr("not known")));
}

TEST_F(EnrollmentTest, InvitationsHaveAnEndAndAName) {
  for (const absl::Duration life : {absl::ZeroDuration(), -life_, kLongestInvitation * 2}) {
    EXPECT_THAT(enrollment_.Invite("press-8", Sha256Of("t"), life),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("site press-8")));
  }
  EXPECT_THAT(enrollment_.Invite("../press", Sha256Of("t"), life_),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("site")));
}

TEST_F(EnrollmentTest, CertificateForTheKeyAndSiteIsHandedOver) {
  MR_ASSERT_OK_AND_ASSIGN(const CertificateCase opened, Redeem(request_));
  const std::string certificate = Certify(request_, "press-7", authority_);
  MR_ASSERT_OK(enrollment_.Approve(opened.key, certificate));
  MR_ASSERT_OK_AND_ASSIGN(const CertificateCase decided, Redeem(request_));
  EXPECT_EQ(decided.state, RequestState::kSigned);
  EXPECT_EQ(decided.certificate, certificate);
}

TEST_F(EnrollmentTest, CertificateOfAnotherKeySiteOrAuthorityIsNot) {
  MR_ASSERT_OK_AND_ASSIGN(const CertificateCase opened, Redeem(request_));
  EXPECT_THAT(enrollment_.Approve(opened.key, Certify(NewRequest(), "press-7", authority_)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("request of site press-7")));
  EXPECT_THAT(enrollment_.Approve(opened.key, Certify(request_, "press-8", authority_)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("press-8")));
  const KeyAndCertificate other = CreateAuthority("acme", clock_.Now()).value();
  EXPECT_FALSE(enrollment_.Approve(opened.key, Certify(request_, "press-7", other)).ok());
  EXPECT_THAT(enrollment_.Approve(Sha256Of("nobody"), Certify(request_, "press-7", authority_)),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("there is none")));
}

TEST_F(EnrollmentTest, RejectedRequestStaysRejected) {
  MR_ASSERT_OK_AND_ASSIGN(const CertificateCase opened, Redeem(request_));
  MR_ASSERT_OK(enrollment_.Reject("press-7", "nobody knows it"));
  EXPECT_EQ(Redeem(request_)->reason, "nobody knows it");
  EXPECT_THAT(enrollment_.Approve(opened.key, Certify(request_, "press-7", authority_)),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("was rejected")));
  EXPECT_THAT(enrollment_.Reject("press-7", "again"),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("press-7")));
}

TEST_F(EnrollmentTest, RenewalAndEnrollmentOfOneSiteLeaveEachOtherAlone) {
  CertificateRequest certified;
  certified.identity = {Role::kSite, "press-7"};
  certified.not_before = clock_.Now() - absl::Hours(1);
  certified.not_after = clock_.Now() + absl::Hours(24);
  const KeyAndCertificate present = IssueCertificate(authority_, certified).value();
  const std::string der = CertificateDer(present.certificate_pem).value();
  const auto renew = [&](const std::string& request) {
    return enrollment_.Renew("press-7", der, request,
                             SignRenewal(present.key_pem, request).value());
  };
  MR_ASSERT_OK(renew(NewRequest()));
  MR_ASSERT_OK(Redeem(request_));
  EXPECT_EQ(enrollment_.Cases()->size(), 2u);
  MR_ASSERT_OK(renew(NewRequest()));
  EXPECT_EQ(enrollment_.Cases()->size(), 2u) << "the site's newer renewal";
  MR_EXPECT_OK(Redeem(request_));
}

TEST_F(EnrollmentTest, EverythingIsThereAfterARestart) {
  MR_ASSERT_OK(Redeem(request_));
  store_ = OpenSqliteEnrollmentStore(path_).value();
  Enrollment again(store_.get(), membership_.get(), &clock_);
  EXPECT_EQ(again.Redeem("token", request_, std::string(32, 'p'))->site, "press-7");
  EXPECT_EQ(again.Cases()->size(), 1u);
}

TEST_F(EnrollmentTest, WhatNobodyAsksForAnyMoreIsForgottenAMonthLater) {
  MR_ASSERT_OK_AND_ASSIGN(const CertificateCase opened, Redeem(request_));
  MR_ASSERT_OK(enrollment_.Approve(opened.key, Certify(request_, "press-7", authority_)));
  MR_ASSERT_OK(enrollment_.Invite("press-8", Sha256Of("other"), life_));
  const std::string waiting = NewRequest();
  MR_ASSERT_OK(enrollment_.Redeem("other", waiting, std::string(32, 'p')));
  clock_.Advance(absl::Hours(30 * 24));
  MR_ASSERT_OK(enrollment_.ForgetOld());
  EXPECT_EQ(enrollment_.Cases()->size(), 2u) << "the certificate was good for a day";
  MR_EXPECT_OK(Redeem(request_));
  clock_.Advance(absl::Hours(25));
  MR_ASSERT_OK(enrollment_.ForgetOld());
  ASSERT_EQ(enrollment_.Cases()->size(), 1u);
  EXPECT_EQ(enrollment_.Cases()->front().site, "press-8") << "waits for its approval still";
  EXPECT_THAT(Redeem(request_), IsStatus(kDenied, HasSubstr("not known")));
  MR_ASSERT_OK(enrollment_.Reject("press-8", "nobody there knows of it"));
  MR_ASSERT_OK(enrollment_.ForgetOld());
  EXPECT_TRUE(enrollment_.Cases()->empty());
}

TEST_F(EnrollmentTest, AuthorityThatIsTrustedNoMoreEndsItsCertificates) {
  MR_ASSERT_OK_AND_ASSIGN(const std::string pem,
                          CertificatePem(Certify(request_, "press-7", authority_)));
  MR_ASSERT_OK(membership_->Check(pem));
  const KeyAndCertificate next = CreateAuthority("acme", clock_.Now()).value();
  const std::string der = CertificateDer(next.certificate_pem).value();
  const std::string old = CertificateDer(authority_.certificate_pem).value();
  MR_ASSERT_OK(
      membership_->PublishStatement(SignTrust({1, {der, old}}, authority_.key_pem).value()));
  MR_EXPECT_OK(membership_->Check(pem));
  MR_ASSERT_OK(membership_->PublishStatement(SignTrust({2, {der}}, next.key_pem).value()));
  EXPECT_THAT(membership_->Check(pem),
              IsStatus(absl::StatusCode::kUnauthenticated, HasSubstr("another authority")));
}

TEST_F(EnrollmentTest, StatementsBehindTheConfiguredFileAreTakenIfTheyLeadToIt) {
  const KeyAndCertificate next = CreateAuthority("acme", clock_.Now()).value();
  const KeyAndCertificate other = CreateAuthority("acme", clock_.Now()).value();
  const std::string der = CertificateDer(next.certificate_pem).value();
  const std::string old = CertificateDer(authority_.certificate_pem).value();
  const SignedTrust first = SignTrust({1, {der, old}}, authority_.key_pem).value();
  const SignedTrust second = SignTrust({2, {der}}, next.key_pem).value();
  MR_ASSERT_OK_AND_ASSIGN(const auto ahead, Membership::Create(AuthoritiesPem(second.next).value(),
                                                               store_.get(), &clock_));
  const auto refusal =
      IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("does not lead to what is held"));
  EXPECT_THAT(ahead->PublishStatement(first), refusal) << "nobody knows yet what it leads to";
  EXPECT_THAT(ahead->PublishStatement({{2, {old}}, second.signature}), refusal);
  MR_ASSERT_OK(ahead->PublishStatement(second));
  EXPECT_THAT(ahead->PublishStatement({{1, {}}, first.signature}), refusal);
  EXPECT_THAT(ahead->PublishStatement(
                  {{1, {CertificateDer(other.certificate_pem).value()}}, first.signature}),
              refusal);
  EXPECT_THAT(ahead->PublishStatement({{0, first.next.certificates}, first.signature}),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("numbered from 1")));
  MR_ASSERT_OK(ahead->PublishStatement(first));
  MR_ASSERT_OK(ahead->PublishStatement(first)) << "safe to repeat";
  EXPECT_EQ(ahead->Trust(0, 0).statements_size(), 2);
  EXPECT_EQ(ahead->Trust(0, 0).statements(0).number(), 1);
  EXPECT_EQ(ahead->TrustNumber(), 2);
  EXPECT_EQ(store_->LoadStatements()->size(), 2u);
}

TEST_F(EnrollmentTest, RevocationsOnlyGoForward) {
  MR_ASSERT_OK_AND_ASSIGN(const std::string pem,
                          CertificatePem(Certify(request_, "press-7", authority_)));
  MR_ASSERT_OK(membership_->Check(pem));
  const std::string serial = ParseCertificate(pem)->serial;
  const auto list = [&](int64_t number, const std::map<std::string, absl::Time>& since) {
    return SignRevocationList(authority_, {number, since}, clock_.Now()).value();
  };
  MR_ASSERT_OK_AND_ASSIGN(const auto cut,
                          membership_->PublishRevocations(list(2, {{serial, clock_.Now()}})));
  EXPECT_EQ(cut.holders.sites, std::set<std::string>{"press-7"});
  EXPECT_EQ(cut.serials, std::vector<std::string>{serial});
  EXPECT_THAT(membership_->Check(pem), IsStatus(kDenied, HasSubstr("site press-7")));
  EXPECT_THAT(membership_->PublishRevocations(list(1, {})),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("list 2 is held")));
  EXPECT_THAT(membership_->PublishRevocations(list(2, {})),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("list 2 is held")));
  membership_ = Membership::Create(authority_.certificate_pem, store_.get(), &clock_).value();
  EXPECT_THAT(membership_->Check(pem), IsStatus(kDenied, HasSubstr("site press-7")));
}

TEST_F(EnrollmentTest, RevocationNamesTheSitesWhoseCertificatesCameHereWithoutHavingSeenThem) {
  MR_ASSERT_OK_AND_ASSIGN(const CertificateCase opened, Redeem(request_));
  const std::string certificate = Certify(request_, "press-7", authority_);
  MR_ASSERT_OK(enrollment_.Approve(opened.key, certificate));
  const std::string serial = ParseCertificate(CertificatePem(certificate).value())->serial;
  MR_ASSERT_OK_AND_ASSIGN(
      const auto cut,
      membership_->PublishRevocations(
          SignRevocationList(authority_, {1, {{serial, clock_.Now()}}}, clock_.Now()).value()));
  EXPECT_EQ(cut.holders.sites, std::set<std::string>{"press-7"});
}

TEST_F(EnrollmentTest, RevocationListOfAnAuthorityThatIsTrustedNoMoreDoesNotStopTheStart) {
  MR_ASSERT_OK(membership_->PublishRevocations(
      SignRevocationList(authority_, {3, {{"ab12", clock_.Now()}}}, clock_.Now()).value()));
  const KeyAndCertificate next = CreateAuthority("acme", clock_.Now()).value();
  MR_ASSERT_OK_AND_ASSIGN(membership_,
                          Membership::Create(next.certificate_pem, store_.get(), &clock_));
  EXPECT_TRUE(membership_->IsRevoked("ab12")) << "until a list comes that is believed";
  EXPECT_THAT(membership_->Doubt(), HasSubstr("trusted no more"));
  EXPECT_EQ(membership_->Trust(0, 0).revocation_list(), "") << "sites would not believe it";
  MR_ASSERT_OK(membership_->PublishRevocations(
      SignRevocationList(next, {4, {{"cd34", clock_.Now()}}}, clock_.Now()).value()));
  EXPECT_TRUE(membership_->IsRevoked("cd34"));
  EXPECT_FALSE(membership_->IsRevoked("ab12"));
  EXPECT_EQ(membership_->Doubt(), "");
  MR_ASSERT_OK(store_->PutRevocationList("no list"));
  EXPECT_THAT(Membership::Create(next.certificate_pem, store_.get(), &clock_),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("no revocation list")));
}

TEST_F(EnrollmentTest, RestoredStoreIsDoubtedUntilAListIsPublishedBeItTheSame) {
  EXPECT_EQ(membership_->Doubt(), "");
  const std::string list =
      SignRevocationList(authority_, {3, {{"ab12", clock_.Now()}}}, clock_.Now()).value();
  MR_ASSERT_OK(membership_->PublishRevocations(list));
  MR_ASSERT_OK(store_->MarkRestored(clock_.Now()));
  for (int start = 0; start < 2; ++start) {
    membership_ = Membership::Create(authority_.certificate_pem, store_.get(), &clock_).value();
    EXPECT_THAT(membership_->Doubt(), AllOf(HasSubstr("restored from a backup on 2026-01-01"),
                                            HasSubstr("millrace authority publish")));
  }
  EXPECT_FALSE(
      membership_->PublishRevocations(SignRevocationList(authority_, {2, {}}, clock_.Now()).value())
          .ok());
  EXPECT_NE(membership_->Doubt(), "") << "an older one says nothing";
  MR_ASSERT_OK(membership_->PublishRevocations(list));
  EXPECT_EQ(membership_->Doubt(), "");
  membership_ = Membership::Create(authority_.certificate_pem, store_.get(), &clock_).value();
  EXPECT_EQ(membership_->Doubt(), "");
}

// The audit log.

std::vector<AuditEntry> SomeEntries(AuditLog& log) {
  for (const std::string site : {"a", "b", "c"}) {
    MR_EXPECT_OK(log.Record({"operator ada", "site.invite", "site " + site},
                            [](std::string*) { return absl::OkStatus(); }));
  }
  return log.Load(0, 100).value();
}

absl::Status Verify(const std::vector<AuditEntry>& entries) {
  AuditVerifier verifier;
  for (const AuditEntry& entry : entries) MR_RETURN_IF_ERROR(verifier.Take(entry));
  return absl::OkStatus();
}

TEST_F(EnrollmentTest, AuditNamesWhoWhenWhatAndWhatCameOfIt) {
  AuditLog log(store_.get(), &clock_);
  EXPECT_THAT(log.Record({"operator ada", "run.start", ""},
                         [](std::string* object) {
                           *object = "run x-1";
                           return absl::InvalidArgumentError("no such plan");
                         }),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("no such plan")));
  MR_ASSERT_OK_AND_ASSIGN(const auto entries, log.Load(0, 100));
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].result, "asked");
  EXPECT_EQ(entries[1].object, "run x-1");
  EXPECT_EQ(entries[1].result, "INVALID_ARGUMENT: no such plan");
  EXPECT_EQ(entries[1].time, clock_.Now());
}

TEST_F(EnrollmentTest, AuditKeepsTextAndPassesOnWhatIsNone) {
  AuditLog log(store_.get(), &clock_);
  std::string name = "a";
  for (int i = 0; i < 600; ++i) name += "\xc3\xa9";
  log.Refused({"viewer vera", "run.stop", name}, absl::PermissionDeniedError(name));
  MR_ASSERT_OK(
      store_->AppendAudit({0, clock_.Now(), "viewer vera", "run.stop", "a\xc3", "ok", {}}));
  MR_ASSERT_OK_AND_ASSIGN(const auto entries, log.Load(0, 100));
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].object, Utf8(entries[0].object));
  EXPECT_EQ(entries[0].result, Utf8(entries[0].result));
  AuditVerifier verifier;
  for (const AuditEntry& entry : entries) {
    v1::AuditEntry received;
    ASSERT_TRUE(received.ParseFromString(ToProto(entry).SerializeAsString()));
    MR_EXPECT_OK(verifier.Take(FromProto(received).value()));
  }
}

TEST_F(EnrollmentTest, AuditThatWasTouchedIsNoticed) {
  AuditLog log(store_.get(), &clock_);
  const std::vector<AuditEntry> whole = SomeEntries(log);
  ASSERT_EQ(whole.size(), 6u);
  MR_ASSERT_OK(Verify(whole));
  for (size_t at = 0; at < whole.size(); ++at) {
    std::vector<AuditEntry> changed = whole;
    changed[at].object = "site x";
    EXPECT_THAT(Verify(changed),
                IsStatus(absl::StatusCode::kDataLoss, HasSubstr(absl::StrCat("entry ", at + 1))));
    changed = whole;
    changed[at].time += absl::Microseconds(1);
    EXPECT_FALSE(Verify(changed).ok());
    if (at + 1 == whole.size()) break;
    changed = whole;
    changed.erase(changed.begin() + at);
    EXPECT_THAT(Verify(changed), IsStatus(absl::StatusCode::kDataLoss, HasSubstr("is missing")));
    changed = whole;
    std::swap(changed[at], changed[at + 1]);
    EXPECT_FALSE(Verify(changed).ok());
    std::swap(changed[at].sequence, changed[at + 1].sequence);
    EXPECT_FALSE(Verify(changed).ok());
  }
}

TEST_F(EnrollmentTest, AuditFieldsCannotBeShiftedIntoEachOther) {
  AuditEntry one{1, clock_.Now(), "a", "bc", "", "", {}};
  AuditEntry two{1, clock_.Now(), "ab", "c", "", "", {}};
  EXPECT_NE(AuditHash(Digest(), one), AuditHash(Digest(), two));
}

}  // namespace
}  // namespace millrace
