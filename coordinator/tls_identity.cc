// SPDX-License-Identifier: Apache-2.0
#include "coordinator/tls_identity.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crypto/pem_file.h"
#include "base/retry_after.h"
#include "base/status.h"

namespace millrace {
namespace {

/// So that a start needs no space for what is there already.
absl::Status WriteIfChanged(FileSystem* files, const std::string& path, const std::string& text) {
  if (const auto there = ReadFile(files, path, kMaxPemBytes); there.ok() && *there == text) {
    return absl::OkStatus();
  }
  return WriteFileDurably(files, path, text);
}

}  // namespace

absl::StatusOr<TlsIdentity> TlsIdentity::Create(FileSystem* files, const CoordinatorConfig& config,
                                                const std::string& authorities_pem,
                                                absl::Time now) {
  TlsIdentity identity(files, config);
  MR_RETURN_IF_ERROR(files->CreateDirectories(identity.folder_));
  MR_RETURN_IF_ERROR(identity.TrustAuthorities(authorities_pem));
  MR_RETURN_IF_ERROR(identity.Refresh(now).status());
  return identity;
}

absl::StatusOr<bool> TlsIdentity::Refresh(absl::Time now) {
  MR_ASSIGN_OR_RETURN(const std::string certificate,
                      ReadFile(files_, certificate_path_, kMaxPemBytes));
  MR_ASSIGN_OR_RETURN(const std::string key, ReadFile(files_, key_path_, kMaxPemBytes));
  const std::string both = absl::StrCat(key, key.ends_with('\n') ? "" : "\n", certificate);
  const bool refused_still = both == refused_ && refused_from_ <= now && now < refused_until_;
  if (both == served_ || refused_still) return false;
  const absl::Status valid = CheckCertificate(certificate, authorities_pem_, key,
                                              Role::kCoordinator, now, certificate_path_);
  if (!valid.ok()) {
    refused_ = both;
    refused_from_ = now;
    refused_until_ = now + RetryAfter(valid).value_or(absl::InfiniteDuration());
    return valid;
  }
  MR_ASSIGN_OR_RETURN(CertificateInfo info, ParseCertificate(certificate));
  MR_RETURN_IF_ERROR(WriteIfChanged(files_, identity_path(), both));
  info_ = std::move(info);
  served_ = both;
  certificate_pem_ = certificate;
  refused_.clear();
  return true;
}

absl::Status TlsIdentity::TrustAuthorities(const std::string& pem) {
  if (pem == authorities_pem_) return absl::OkStatus();
  MR_RETURN_IF_ERROR(WriteIfChanged(files_, authorities_path(), pem));
  authorities_pem_ = pem;
  refused_.clear();  // may be valid under the new authorities
  return absl::OkStatus();
}

}  // namespace millrace
