// SPDX-License-Identifier: Apache-2.0
#include "client/session/site_identity.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace {
namespace {

// A federation's certificates over some renewals; a coordinator cannot fill the memory with them.
constexpr size_t kMostCertificates = 10'000;

}  // namespace

absl::StatusOr<SiteIdentity> SiteIdentity::Create(std::string authority_pem,
                                                  const std::string& certificate_pem,
                                                  const std::string& key_pem, Clock* clock) {
  MR_ASSIGN_OR_RETURN(CertificateInfo info, ParseCertificate(certificate_pem));
  MR_ASSIGN_OR_RETURN(SigningKey key, SigningKey::FromPem(key_pem));
  return SiteIdentity(std::move(authority_pem), std::move(info), std::move(key), clock);
}

absl::Status SiteIdentity::Update(const std::string& authority_pem,
                                  const std::string& certificate_pem, const std::string& key_pem,
                                  const std::string& revocation_pem) {
  MR_ASSIGN_OR_RETURN(CertificateInfo info, ParseCertificate(certificate_pem));
  MR_ASSIGN_OR_RETURN(SigningKey key, SigningKey::FromPem(key_pem));
  RevocationList revoked;
  if (!revocation_pem.empty()) {
    MR_ASSIGN_OR_RETURN(revoked, VerifyRevocationList(revocation_pem, authority_pem));
  }
  // Under other authorities what was learnt may no longer count.
  if (authority_pem != authority_pem_) known_.clear();
  authority_pem_ = authority_pem;
  info_ = std::move(info);
  key_ = std::move(key);
  revoked_ = std::move(revoked);
  return absl::OkStatus();
}

bool SiteIdentity::Knows(absl::string_view fingerprint) const {
  return known_.contains(fingerprint);
}

absl::Status SiteIdentity::Learn(const std::string& der) {
  MR_ASSIGN_OR_RETURN(CertificateInfo info,
                      VerifyPeerCertificate(der, authority_pem_, Role::kSite, clock_->Now()));
  MR_ASSIGN_OR_RETURN(VerifyingKey key, VerifyingKey::FromCertificate(der));
  if (known_.size() >= kMostCertificates) known_.clear();
  known_[info.fingerprint.ToBytes()] = {info, std::make_shared<VerifyingKey>(std::move(key))};
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const VerifyingKey>> SiteIdentity::KeyOf(
    const std::string& site, absl::string_view fingerprint) const {
  const auto found = known_.find(fingerprint);
  if (found == known_.end()) return absl::PermissionDeniedError("its certificate is not known");
  const CertificateInfo& info = found->second.info;
  if (info.identity.name != site) {
    return absl::PermissionDeniedError(
        absl::StrCat("its certificate is that of site ", info.identity.name));
  }
  if (clock_->Now() >= info.not_after) {
    return absl::PermissionDeniedError(
        absl::StrCat("its certificate expired on ", absl::FormatTime(info.not_after)));
  }
  if (revoked_.Has(info.serial)) {
    return absl::PermissionDeniedError("its certificate was revoked");
  }
  return found->second.key;
}

}  // namespace millrace
