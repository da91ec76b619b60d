// SPDX-License-Identifier: Apache-2.0
#include "client/enrollment/trust_update.h"

#include "absl/strings/str_cat.h"
#include "base/crypto/revocation_list.h"
#include "base/status.h"

namespace millrace {
namespace {

std::vector<SignedTrust> StatementsOf(const v1::Trust& trust) {
  std::vector<SignedTrust> statements;
  for (const v1::TrustStatement& proto : trust.statements()) {
    statements.push_back(
        {{proto.number(), {proto.authorities().begin(), proto.authorities().end()}},
         proto.signature()});
  }
  return statements;
}

absl::Status Denied(const absl::Status& why) {
  return absl::PermissionDeniedError(
      absl::StrCat("what the coordinator says of whom to trust: ", why.message()));
}

/// Of the revocation list that the site has. One that was signed by an authority that is gone
/// counts as none.
int64_t NumberOf(const SiteCredentials& held) {
  if (held.revocation_pem.empty()) return 0;
  const auto list = VerifyRevocationList(held.revocation_pem, held.authority_pem);
  return list.ok() ? list->number : 0;
}

}  // namespace

absl::StatusOr<TrustedAuthorities> FirstTrust(const v1::Trust& trust, const Digest& token) {
  const std::vector<SignedTrust> statements = StatementsOf(trust);
  std::vector<TrustedAuthorities> begun = {
      {trust.number(), {trust.authorities().begin(), trust.authorities().end()}}};
  for (const SignedTrust& statement : statements) begun.push_back(statement.next);
  for (const TrustedAuthorities& held : begun) {
    if (held.certificates.empty() || TrustDigest(held) != token) continue;
    const absl::StatusOr<TrustedAuthorities> now = ApplyTrust(held, statements);
    if (!now.ok()) return Denied(now.status());
    return now;
  }
  return absl::PermissionDeniedError(
      "this coordinator does not belong to the federation that the token is from: check "
      "--coordinator, and that nobody stands in between");
}

absl::StatusOr<v1::GetTrustRequest> AskForTrust(const SiteCredentials& held) {
  v1::GetTrustRequest request;
  MR_ASSIGN_OR_RETURN(const TrustedAuthorities authorities, ParseAuthorities(held.authority_pem));
  request.set_number(authorities.number);
  request.set_revocation_list(NumberOf(held));
  return request;
}

absl::StatusOr<TrustUpdate> NewTrust(const SiteCredentials& held, const v1::Trust& trust) {
  TrustUpdate update;
  MR_ASSIGN_OR_RETURN(const TrustedAuthorities authorities, ParseAuthorities(held.authority_pem));
  const absl::StatusOr<TrustedAuthorities> now = ApplyTrust(authorities, StatementsOf(trust));
  if (!now.ok()) return Denied(now.status());
  std::string authority_pem = held.authority_pem;
  if (now->number > authorities.number) {
    MR_ASSIGN_OR_RETURN(authority_pem, AuthoritiesPem(*now));
    update.authority_pem = authority_pem;
  }
  if (trust.revocation_list().empty() || trust.revocation_list() == held.revocation_pem) {
    return update;
  }
  const auto offered = VerifyRevocationList(trust.revocation_list(), authority_pem);
  if (!offered.ok()) return Denied(offered.status());
  const int64_t number = NumberOf(held);
  if (offered->number < number) {
    return Denied(absl::FailedPreconditionError(
        absl::StrCat("revocation list ", offered->number, ", while this site holds ", number)));
  }
  update.revocation_pem = trust.revocation_list();
  return update;
}

bool RenewalIsDue(const CertificateInfo& certificate, absl::Time now) {
  return now >= certificate.not_after - (certificate.not_after - certificate.not_before) / 3;
}

}  // namespace millrace
