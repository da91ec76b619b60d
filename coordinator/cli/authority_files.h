// SPDX-License-Identifier: Apache-2.0
// The files of a federation's authority and of those it certifies. Nothing is ever overwritten: a
// key that is gone cannot be made again.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/crypto/certificate.h"
#include "base/file_system.h"

namespace millrace {

inline constexpr char kAuthorityKeyFile[] = "authority.key";
inline constexpr char kAuthorityCertificateFile[] = "authority.crt";
inline constexpr char kRevokedFile[] = "revoked.crl";

/// Writes a new authority's key (mode 0600) and certificate into `folder`, which is made if
/// missing. ALREADY_EXISTS, naming the file, if there is one.
absl::Status InitAuthority(FileSystem* files, const std::string& folder,
                           absl::string_view federation, absl::Time now);

struct IssuedFiles {
  std::string key;  // mode 0600
  std::string certificate;
  std::string authority;  // a copy of the authority's certificate
};

/// Writes <name>.key, <name>.crt and authority.crt into `folder`, the certificate signed by the
/// authority in `authority_folder`. ALREADY_EXISTS if the key or the certificate is there, or
/// another authority's certificate.
absl::StatusOr<IssuedFiles> IssueFiles(FileSystem* files, const std::string& authority_folder,
                                       const CertificateRequest& request,
                                       const std::string& folder);

}  // namespace millrace
