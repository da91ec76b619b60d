// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/certify.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/crypto/enrollment_token.h"
#include "base/crypto/renewal.h"
#include "base/crypto/signing_request.h"
#include "base/status.h"

namespace millrace {
namespace {

absl::Status Denied(const v1::SigningRequest& request, absl::string_view why) {
  return absl::PermissionDeniedError(absl::StrCat("request of site ", request.site(), ": ", why));
}

absl::Status CheckEnrollment(const v1::SigningRequest& request, const Digest& fingerprint,
                             const std::string& key, AuthorityFolder& folder) {
  if (!key.empty()) return absl::OkStatus();  // compared
  MR_ASSIGN_OR_RETURN(const std::optional<Digest> proof_key, folder.FindInvitation(request.site()));
  if (!proof_key) {
    return Denied(request, absl::StrCat("it was not invited with this authority folder; compare "
                                        "with what its edge PC shows, then give --fingerprint ",
                                        KeyName(fingerprint)));
  }
  if (SameSecret(request.proof(), KeyProof(*proof_key, fingerprint).ToBytes())) {
    return absl::OkStatus();
  }
  return Denied(request, "its key was not made by who has the token; reject it and find out why");
}

absl::Status CheckRenewal(const v1::SigningRequest& request, absl::Time now,
                          AuthorityFolder& folder) {
  const absl::StatusOr<CertificateInfo> present =
      VerifyPeerCertificate(request.certificate(), folder.authorities_pem(), Role::kSite, now);
  if (!present.ok()) return Denied(request, present.status().message());
  if (present->identity.name != request.site()) {
    return Denied(request, absl::StrCat("it shows the certificate of ", present->identity.name));
  }
  MR_ASSIGN_OR_RETURN(const RevocationList revoked, folder.Revoked());
  if (revoked.Has(present->serial)) return Denied(request, "its certificate was revoked");
  const absl::Status is_signed =
      VerifyRenewal(request.certificate(), request.signing_request(), request.signature());
  return is_signed.ok() ? is_signed : Denied(request, is_signed.message());
}

}  // namespace

absl::StatusOr<absl::Time> Certify(const v1::SigningRequest& request, const std::string& key,
                                   absl::Duration life, absl::Time now, AuthorityFolder& folder,
                                   EnrollmentCalls& calls) {
  const absl::StatusOr<Digest> fingerprint = VerifySigningRequest(request.signing_request());
  if (!fingerprint.ok()) return Denied(request, fingerprint.status().message());
  if (!key.empty() &&
      absl::AsciiStrToLower(absl::StripPrefix(key, "SHA256:")) != fingerprint->Hex()) {
    return Denied(request, absl::StrCat("it is for another key, ", KeyName(*fingerprint)));
  }
  const bool enrolls = request.certificate().empty();
  MR_RETURN_IF_ERROR(enrolls ? CheckEnrollment(request, *fingerprint, key, folder)
                             : CheckRenewal(request, now, folder));
  CertificateRequest certified;
  certified.identity = {Role::kSite, request.site()};
  certified.not_before = now - kClockTolerance;
  certified.not_after = now + life;
  MR_ASSIGN_OR_RETURN(const std::string pem, folder.Certify(request.signing_request(), certified));
  v1::ApproveRequest approve;
  approve.set_key_sha256(fingerprint->ToBytes());
  MR_ASSIGN_OR_RETURN(*approve.mutable_certificate(), CertificateDer(pem));
  MR_RETURN_IF_ERROR(calls.Approve(approve));
  if (enrolls) MR_RETURN_IF_ERROR(folder.DropInvitation(request.site()));
  return certified.not_after;
}

}  // namespace millrace
