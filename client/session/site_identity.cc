// SPDX-License-Identifier: Apache-2.0
#include "client/session/site_identity.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace {
namespace {

// A federation's certificates over some renewals; a coordinator cannot fill the memory with them.
constexpr size_t kMostCertificates = 10'000;

std::string BytesOf(const Digest& digest) { return {digest.bytes.begin(), digest.bytes.end()}; }

}  // namespace

absl::StatusOr<SiteIdentity> SiteIdentity::Create(std::string authority_pem,
                                                  const std::string& certificate_pem,
                                                  const std::string& key_pem, Clock* clock) {
  MR_ASSIGN_OR_RETURN(CertificateInfo info, ParseCertificate(certificate_pem));
  MR_ASSIGN_OR_RETURN(SigningKey key, SigningKey::FromPem(key_pem));
  return SiteIdentity(std::move(authority_pem), std::move(info), std::move(key), clock);
}

bool SiteIdentity::Knows(absl::string_view fingerprint) const {
  return certificates_.contains(fingerprint);
}

absl::Status SiteIdentity::Learn(const std::string& der) {
  MR_RETURN_IF_ERROR(
      VerifyPeerCertificate(der, authority_pem_, Role::kSite, clock_->Now()).status());
  if (certificates_.size() >= kMostCertificates) certificates_.clear();
  certificates_[BytesOf(Sha256Of(der))] = der;
  return absl::OkStatus();
}

absl::StatusOr<VerifyingKey> SiteIdentity::KeyOf(const std::string& site,
                                                 absl::string_view fingerprint) const {
  const auto found = certificates_.find(fingerprint);
  if (found == certificates_.end()) {
    return absl::PermissionDeniedError("its certificate is not known");
  }
  const absl::StatusOr<CertificateInfo> info =
      VerifyPeerCertificate(found->second, authority_pem_, Role::kSite, clock_->Now());
  if (!info.ok()) return absl::PermissionDeniedError(info.status().message());
  if (info->identity.name != site) {
    return absl::PermissionDeniedError(
        absl::StrCat("its certificate is that of site ", info->identity.name));
  }
  return VerifyingKey::FromCertificate(found->second);
}

}  // namespace millrace
