// SPDX-License-Identifier: Apache-2.0
#include "coordinator/enrollment/membership.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr size_t kMostVerified = 20'000;
constexpr char kWayOutOfDoubt[] =
    "; hand over the newest revocation list: `millrace authority publish`";

std::string NameOf(const Identity& identity) {
  return absl::StrCat(RoleName(identity.role), " ", identity.name);
}

}  // namespace

void Holders::Add(const Identity& identity) {
  if (identity.role == Role::kSite) {
    sites.insert(identity.name);
  } else if (identity.role != Role::kCoordinator) {
    people.insert(NameOf(identity));
  }
}

void Holders::Add(const Holders& others) {
  sites.insert(others.sites.begin(), others.sites.end());
  people.insert(others.people.begin(), others.people.end());
}

absl::StatusOr<std::unique_ptr<Membership>> Membership::Create(const std::string& authority_pem,
                                                               EnrollmentStore* store,
                                                               Clock* clock) {
  std::unique_ptr<Membership> membership(new Membership(store, clock));
  absl::MutexLock lock(&membership->mutex_);
  MR_ASSIGN_OR_RETURN(membership->authorities_, ParseAuthorities(authority_pem));
  membership->base_ = membership->authorities_;
  MR_ASSIGN_OR_RETURN(membership->authorities_pem_,
                      millrace::AuthoritiesPem(membership->authorities_));
  MR_ASSIGN_OR_RETURN(membership->statements_, store->LoadStatements());
  for (const SignedTrust& statement : membership->statements_) {
    // A file that was brought up to date by hand is ahead of the store.
    if (statement.next.number <= membership->authorities_.number) continue;
    MR_RETURN_IF_ERROR(membership->Apply(statement));
  }
  MR_ASSIGN_OR_RETURN(membership->revoked_pem_, store->LoadRevocationList());
  MR_ASSIGN_OR_RETURN(const std::optional<absl::Time> restored, store->LoadRestored());
  if (restored) {
    membership->doubt_ =
        absl::StrCat("the state was restored from a backup on ",
                     absl::FormatTime(*restored, absl::UTCTimeZone()),
                     ", and who was revoked after it was made is let in", kWayOutOfDoubt);
  }
  if (membership->revoked_pem_.empty()) return membership;
  absl::StatusOr<RevocationList> list =
      VerifyRevocationList(membership->revoked_pem_, membership->authorities_pem_);
  if (absl::IsPermissionDenied(list.status())) {
    // From a backup that is older than a rotation.
    membership->doubt_ = absl::StrCat(
        "whoever signed the stored one is trusted no more, so that sites do not get it",
        kWayOutOfDoubt);
    MR_ASSIGN_OR_RETURN(membership->revoked_, ParseRevocationList(membership->revoked_pem_));
    membership->KeepListForOurselves();
    return membership;
  }
  MR_ASSIGN_OR_RETURN(membership->revoked_, std::move(list));
  return membership;
}

absl::Status Membership::Apply(const SignedTrust& statement) {
  MR_ASSIGN_OR_RETURN(TrustedAuthorities next, ApplyTrust(authorities_, statement));
  MR_ASSIGN_OR_RETURN(authorities_pem_, millrace::AuthoritiesPem(next));
  authorities_ = std::move(next);
  verified_.clear();
  return absl::OkStatus();
}

absl::StatusOr<CertificateInfo> Membership::Check(const std::string& pem) {
  const absl::Time now = clock_->Now();
  const Digest name = Sha256Of(pem);
  absl::MutexLock lock(&mutex_);
  auto found = verified_.find(name);
  if (found == verified_.end()) {
    const absl::StatusOr<CertificateInfo> parsed = ParseCertificate(pem);
    if (!parsed.ok()) return absl::UnauthenticatedError(parsed.status().message());
    absl::StatusOr<CertificateInfo> info =
        VerifyPeerCertificate(pem, authorities_pem_, parsed->identity.role, now);
    if (!info.ok()) return absl::UnauthenticatedError(info.status().message());
    if (verified_.size() >= kMostVerified) verified_.clear();
    found = verified_.emplace(name, *std::move(info)).first;
  }
  const CertificateInfo& info = found->second;
  if (now >= info.not_after) {
    return absl::UnauthenticatedError(absl::StrCat("certificate of ", NameOf(info.identity),
                                                   ": expired on ",
                                                   absl::FormatTime(info.not_after)));
  }
  if (const auto revoked = revoked_.since.find(info.serial); revoked != revoked_.since.end()) {
    return absl::PermissionDeniedError(
        absl::StrCat(NameOf(info.identity), ": its certificate was revoked on ",
                     absl::FormatTime(revoked->second),
                     info.identity.role == Role::kSite
                         ? "; to take part again it needs a new invitation (`millrace site invite`)"
                         : "; a new one is made with `millrace authority issue`"));
  }
  return info;
}

bool Membership::IsRevoked(const std::string& serial) const {
  absl::MutexLock lock(&mutex_);
  return revoked_.Has(serial);
}

std::string Membership::Doubt() const {
  absl::MutexLock lock(&mutex_);
  return doubt_;
}

absl::StatusOr<NewlyRevoked> Membership::PublishRevocations(const std::string& pem) {
  absl::MutexLock lock(&mutex_);
  MR_ASSIGN_OR_RETURN(RevocationList list, VerifyRevocationList(pem, authorities_pem_));
  if (pem == revoked_pem_) {
    if (!doubt_.empty()) MR_RETURN_IF_ERROR(store_->PutRevocationList(pem));
    doubt_.clear();
    return NewlyRevoked{list.number, {}, {}};
  }
  if (list.number <= revoked_.number) {
    return absl::FailedPreconditionError(
        absl::StrCat("revocation list ", list.number, ": list ", revoked_.number,
                     " is held already; sign the next one from the newest authority folder"));
  }
  MR_ASSIGN_OR_RETURN(const std::vector<CertificateCase> cases, store_->LoadCases());
  MR_RETURN_IF_ERROR(store_->PutRevocationList(pem));
  LogInfo("certificates revoked", {{"list", list.number}, {"count", list.since.size()}});
  NewlyRevoked revoked{list.number, {}, {}};
  const auto take = [&](const CertificateInfo& info) {
    if (list.Has(info.serial) && !revoked_.Has(info.serial)) revoked.holders.Add(info.identity);
  };
  for (const CertificateCase& decided : cases) {
    for (const std::string* const der : {&decided.certificate, &decided.present}) {
      const absl::StatusOr<std::string> came = CertificatePem(*der);
      if (!came.ok()) continue;  // there is none
      if (const auto info = ParseCertificate(*came); info.ok()) take(*info);
    }
  }
  for (const auto& [digest, info] : verified_) take(info);  // also those that were issued by hand
  for (const auto& [serial, since] : list.since) {
    if (!revoked_.Has(serial)) revoked.serials.push_back(serial);
  }
  revoked_pem_ = pem;
  revoked_ = std::move(list);
  doubt_.clear();
  return revoked;
}

absl::Status Membership::PublishStatement(const SignedTrust& statement) {
  absl::MutexLock lock(&mutex_);
  if (statement.next.number <= authorities_.number) return TakeEarlier(statement);
  const TrustedAuthorities before = authorities_;
  MR_ASSIGN_OR_RETURN(const TrustedAuthorities next, ApplyTrust(before, statement));
  MR_ASSIGN_OR_RETURN(const std::string next_pem, millrace::AuthoritiesPem(next));
  const bool unsigned_list =
      !revoked_pem_.empty() && !VerifyRevocationList(revoked_pem_, next_pem).ok();
  // One that is in doubt is not the newest anyway: that one is of who comes with this statement.
  if (unsigned_list && doubt_.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("trust statement ", next.number,
                     ": nobody would be left who signed revocation "
                     "list ",
                     revoked_.number, "; publish one of the new authority first"));
  }
  MR_RETURN_IF_ERROR(Apply(statement));
  if (const absl::Status stored = store_->PutStatement(statement); !stored.ok()) {
    authorities_ = before;
    MR_ASSIGN_OR_RETURN(authorities_pem_, millrace::AuthoritiesPem(before));
    verified_.clear();
    return stored;
  }
  if (unsigned_list) KeepListForOurselves();
  LogInfo("authorities changed",
          {{"number", statement.next.number}, {"authorities", statement.next.certificates.size()}});
  statements_.push_back(statement);
  return absl::OkStatus();
}

absl::Status Membership::TakeEarlier(const SignedTrust& statement) {
  const TrustedAuthorities& said = statement.next;
  const auto at = std::ranges::lower_bound(statements_, said.number, {},
                                           [](const SignedTrust& s) { return s.next.number; });
  const bool known = at != statements_.end() && at->next.number == said.number;
  bool follows = false;
  if (said.number < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("trust statement ", said.number, ": they are numbered from 1"));
  }
  if (known || said.number == base_.number) {
    follows = said.certificates == (known ? at->next : base_).certificates;
  } else if (at != statements_.end() && !said.certificates.empty()) {
    follows = ApplyTrust(said, *at).ok();
  }
  if (!follows) {
    return absl::FailedPreconditionError(
        absl::StrCat("trust statement ", said.number, ": does not lead to what is held"));
  }
  if (known) return absl::OkStatus();
  MR_RETURN_IF_ERROR(store_->PutStatement(statement));
  LogInfo("an earlier statement is known again", {{"number", said.number}});
  statements_.insert(at, statement);
  return absl::OkStatus();
}

void Membership::KeepListForOurselves() {
  revoked_.number = 0;
  revoked_pem_.clear();
}

int64_t Membership::TrustNumber() const {
  absl::MutexLock lock(&mutex_);
  return authorities_.number;
}

v1::Trust Membership::Trust(int64_t number, int64_t list) const {
  absl::MutexLock lock(&mutex_);
  v1::Trust trust;
  trust.set_number(base_.number);
  for (const std::string& der : base_.certificates) trust.add_authorities(der);
  for (const SignedTrust& statement : statements_) {
    if (statement.next.number <= number) continue;
    v1::TrustStatement& proto = *trust.add_statements();
    proto.set_number(statement.next.number);
    for (const std::string& der : statement.next.certificates) proto.add_authorities(der);
    proto.set_signature(statement.signature);
  }
  if (revoked_.number > list) trust.set_revocation_list(revoked_pem_);
  return trust;
}

std::string Membership::AuthoritiesPem() const {
  absl::MutexLock lock(&mutex_);
  return authorities_pem_;
}

}  // namespace millrace
