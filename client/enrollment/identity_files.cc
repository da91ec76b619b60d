// SPDX-License-Identifier: Apache-2.0
#include "client/enrollment/identity_files.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crypto/pem_file.h"
#include "base/crypto/signing_request.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr char kCertificateBegins[] = "-----BEGIN CERTIFICATE-----";

/// A temporary file that someone left behind would keep its own mode.
absl::Status WriteSecret(FileSystem* files, const std::string& path, absl::string_view content) {
  const std::string temporary = path + ".tmp";
  if (files->Exists(temporary)) MR_RETURN_IF_ERROR(files->Remove(temporary));
  return WriteFileDurably(files, path, content);
}

absl::Status RemoveDurably(FileSystem* files, const std::string& path) {
  if (!files->Exists(path)) return absl::OkStatus();
  MR_RETURN_IF_ERROR(files->Remove(path));
  return files->SyncDirectory(DirectoryOf(path));
}

}  // namespace

IdentityFiles::IdentityFiles(FileSystem* files, std::string authority, std::string certificate,
                             std::string key)
    : files_(files),
      authority_(std::move(authority)),
      certificate_(std::move(certificate)),
      key_(std::move(key)) {}

absl::StatusOr<SiteCredentials> IdentityFiles::Load() {
  MR_RETURN_IF_ERROR(FinishMove());
  SiteCredentials credentials;
  MR_ASSIGN_OR_RETURN(credentials.authority_pem, ReadFile(files_, authority_, kMaxPemBytes));
  MR_ASSIGN_OR_RETURN(credentials.certificate_pem, ReadFile(files_, certificate_, kMaxPemBytes));
  MR_ASSIGN_OR_RETURN(credentials.key_pem, ReadFile(files_, key_, kMaxPemBytes));
  const std::string revoked = authority_ + ".revoked";
  if (files_->Exists(revoked)) {
    MR_ASSIGN_OR_RETURN(credentials.revocation_pem, ReadFile(files_, revoked, kMaxPemBytes));
  }
  return credentials;
}

absl::Status IdentityFiles::SetAuthorities(const std::string& pem) {
  return WriteFileDurably(files_, authority_, pem);
}

absl::Status IdentityFiles::SetRevocations(const std::string& pem) {
  return WriteFileDurably(files_, authority_ + ".revoked", pem);
}

absl::Status IdentityFiles::SetIdentity(const std::string& key_pem,
                                        const std::string& certificate_pem) {
  const std::string both =
      absl::StrCat(key_pem, key_pem.ends_with('\n') ? "" : "\n", certificate_pem);
  MR_RETURN_IF_ERROR(WriteSecret(files_, certificate_ + ".renewed", both));
  return FinishMove();
}

absl::Status IdentityFiles::FinishMove() {
  const std::string renewed = certificate_ + ".renewed";
  if (!files_->Exists(renewed)) return absl::OkStatus();
  MR_ASSIGN_OR_RETURN(const std::string both, ReadFile(files_, renewed, kMaxPemBytes));
  const size_t certificate = both.find(kCertificateBegins);
  if (certificate == std::string::npos) {
    return absl::DataLossError(absl::StrCat(renewed, ": holds no certificate; remove it"));
  }
  MR_RETURN_IF_ERROR(WriteSecret(files_, key_, both.substr(0, certificate)));
  MR_RETURN_IF_ERROR(WriteFileDurably(files_, certificate_, both.substr(certificate)));
  return RemoveDurably(files_, renewed);
}

absl::StatusOr<std::string> IdentityFiles::NextKey() {
  const std::string path = key_ + ".next";
  if (files_->Exists(path)) return ReadFile(files_, path, kMaxPemBytes);
  MR_ASSIGN_OR_RETURN(std::string key, NewPrivateKey());
  MR_RETURN_IF_ERROR(WriteSecret(files_, path, key));
  return key;
}

absl::Status IdentityFiles::DropNextKey() { return RemoveDurably(files_, key_ + ".next"); }

}  // namespace millrace
