// SPDX-License-Identifier: Apache-2.0
#include "coordinator/enrollment/enrollment.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crypto/certificate.h"
#include "base/crypto/renewal.h"
#include "base/crypto/signing_request.h"
#include "base/log.h"
#include "base/name.h"
#include "base/status.h"
#include "base/text.h"

namespace millrace {
namespace {

constexpr size_t kProofBytes = 32;
constexpr size_t kMaxReason = 500;

constexpr absl::Duration kRemembered = absl::Hours(30 * 24);

/// When nobody asks for it any more. A renewal that waits ends with the certificate that it is to
/// replace; an enrollment that waits does so until it is decided.
absl::Time EndOf(const CertificateCase& found) {
  if (found.state == RequestState::kRejected) return found.created;
  const std::string& der = found.state == RequestState::kSigned ? found.certificate : found.present;
  const absl::StatusOr<std::string> pem = CertificatePem(der);
  if (!pem.ok()) return absl::InfiniteFuture();
  const absl::StatusOr<CertificateInfo> info = ParseCertificate(*pem);
  return info.ok() ? info->not_after : absl::InfiniteFuture();
}

absl::Status Refused(absl::string_view why) {
  return absl::PermissionDeniedError(absl::StrCat(
      "token: ", why, "; have the operator make a new one with `millrace site invite`"));
}

}  // namespace

absl::StatusOr<absl::Time> Enrollment::Invite(const std::string& site, const Digest& token,
                                              absl::Duration life) {
  MR_RETURN_IF_ERROR(CheckName("site", site));
  if (life < absl::Seconds(1) || life > kLongestInvitation) {
    return absl::InvalidArgumentError(absl::StrCat("site ", site, ": an invitation lives 1 s to ",
                                                   absl::FormatDuration(kLongestInvitation)));
  }
  const absl::Time now = clock_->Now();
  const Invitation invitation{site, token, now, now + life, std::nullopt};
  MR_RETURN_IF_ERROR(store_->PutInvitation(invitation));
  return invitation.expires;
}

absl::StatusOr<CertificateCase> Enrollment::Redeem(const std::string& token,
                                                   const std::string& signing_request,
                                                   const std::string& proof) {
  const Digest name = Sha256Of(token);
  MR_ASSIGN_OR_RETURN(const std::optional<Invitation> invitation, store_->FindInvitation(name));
  if (!invitation) return Refused("not known to this coordinator");
  MR_ASSIGN_OR_RETURN(const Digest key, VerifySigningRequest(signing_request));
  if (invitation->used_by && *invitation->used_by != key) {
    LogWarning("a token was shown again with another key", {{"site", invitation->site}});
    return Refused("was used already, with another key");
  }
  if (invitation->used_by) return Find(key);
  if (clock_->Now() >= invitation->expires) {
    return Refused(absl::StrCat("expired on ", absl::FormatTime(invitation->expires)));
  }
  if (proof.size() != kProofBytes) {
    return absl::InvalidArgumentError(absl::StrCat("proof: ", proof.size(), " bytes, expected 32"));
  }
  CertificateCase opened;
  opened.key = key;
  opened.site = invitation->site;
  opened.created = clock_->Now();
  opened.signing_request = signing_request;
  opened.proof = proof;
  const absl::Status redeemed = store_->Redeem(name, opened);
  if (absl::IsAborted(redeemed)) return Refused("was used already");
  MR_RETURN_IF_ERROR(redeemed);
  LogInfo("a site asks for its certificate", {{"site", opened.site}, {"key", KeyName(key)}});
  return opened;
}

absl::StatusOr<CertificateCase> Enrollment::Find(const Digest& key) {
  MR_ASSIGN_OR_RETURN(std::optional<CertificateCase> opened, store_->FindCase(key));
  if (opened) return *std::move(opened);
  return Refused("was used already, and its request is gone");
}

absl::StatusOr<CertificateCase> Enrollment::Renew(const std::string& site,
                                                  const std::string& present,
                                                  const std::string& signing_request,
                                                  const std::string& signature) {
  MR_ASSIGN_OR_RETURN(const Digest key, VerifySigningRequest(signing_request));
  MR_ASSIGN_OR_RETURN(std::optional<CertificateCase> known, store_->FindCase(key));
  if (known && known->site == site) return *std::move(known);
  if (known) {
    return absl::InvalidArgumentError(
        absl::StrCat("site ", site, ": asks with a key that another site has asked with"));
  }
  MR_RETURN_IF_ERROR(
      Annotate(VerifyRenewal(present, signing_request, signature), absl::StrCat("site ", site)));
  CertificateCase opened;
  opened.key = key;
  opened.site = site;
  opened.created = clock_->Now();
  opened.signing_request = signing_request;
  opened.present = present;
  opened.signature = signature;
  MR_RETURN_IF_ERROR(store_->PutCase(opened));
  LogInfo("a site asks for its next certificate", {{"site", site}, {"key", KeyName(key)}});
  return opened;
}

absl::StatusOr<std::string> Enrollment::Approve(const Digest& key,
                                                const std::string& certificate_der) {
  MR_ASSIGN_OR_RETURN(std::optional<CertificateCase> found, store_->FindCase(key));
  if (!found) {
    return absl::NotFoundError(absl::StrCat("request for key ", KeyName(key), ": there is none"));
  }
  MR_ASSIGN_OR_RETURN(const CertificateInfo info,
                      VerifyPeerCertificate(certificate_der, membership_->AuthoritiesPem(),
                                            Role::kSite, clock_->Now()));
  if (info.identity.name != found->site || info.key != key) {
    return absl::InvalidArgumentError(absl::StrCat(
        "request of site ", found->site, " for key ", KeyName(key),
        ": the certificate is for site ", info.identity.name, ", key ", KeyName(info.key)));
  }
  if (found->state == RequestState::kSigned) return found->site;
  if (found->state == RequestState::kRejected) {
    return absl::FailedPreconditionError(
        absl::StrCat("request of site ", found->site, ": was rejected: ", found->reason));
  }
  found->state = RequestState::kSigned;
  found->certificate = certificate_der;
  MR_RETURN_IF_ERROR(store_->PutCase(*found));
  LogInfo("certificate signed", {{"site", found->site},
                                 {"serial", info.serial},
                                 {"not_after", absl::FormatTime(info.not_after)}});
  return found->site;
}

absl::Status Enrollment::ForgetOld() {
  const absl::Time before = clock_->Now() - kRemembered;
  MR_RETURN_IF_ERROR(store_->DropInvitations(before));
  MR_ASSIGN_OR_RETURN(const std::vector<CertificateCase> cases, store_->LoadCases());
  for (const CertificateCase& found : cases) {
    if (EndOf(found) < before) MR_RETURN_IF_ERROR(store_->DropCase(found.key));
  }
  return absl::OkStatus();
}

absl::Status Enrollment::Reject(const std::string& site, const std::string& reason) {
  MR_ASSIGN_OR_RETURN(const std::vector<CertificateCase> cases, store_->LoadCases());
  for (CertificateCase found : cases) {
    if (found.site != site || found.state != RequestState::kPending) continue;
    found.state = RequestState::kRejected;
    found.reason = Utf8(reason, kMaxReason);
    LogInfo("certificate request rejected", {{"site", site}, {"reason", found.reason}});
    return store_->PutCase(found);
  }
  return absl::NotFoundError(absl::StrCat("site ", site, ": no request of it waits"));
}

}  // namespace millrace
