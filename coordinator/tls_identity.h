// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/crypto/certificate.h"
#include "base/file_system.h"
#include "coordinator/config.h"

namespace millrace {

/// What TLS serves with and whom it lets in, changed while it runs: gRPC watches two files of the
/// state folder, and this writes them, each in one step, from the configured key and certificate
/// once these are a valid pair, and from the authorities that are trusted. Not thread-safe.
class TlsIdentity {
 public:
  /// The configured files, checked. Messages name the file and the reason. `files` outlives it.
  static absl::StatusOr<TlsIdentity> Create(FileSystem* files, const CoordinatorConfig& config,
                                            const std::string& authorities_pem, absl::Time now);

  /// Looks at the configured files again. True if there is a new certificate; those that are no
  /// valid pair (yet) leave everything as it was, and are told of by the status, once. One that is
  /// not valid before a later time is taken up then.
  absl::StatusOr<bool> Refresh(absl::Time now);
  absl::Status TrustAuthorities(const std::string& pem);

  const std::string& certificate_pem() const { return certificate_pem_; }
  const CertificateInfo& info() const { return info_; }
  std::string identity_path() const { return folder_ + "/identity.pem"; }  // key, certificate
  std::string authorities_path() const { return folder_ + "/authorities.pem"; }

 private:
  TlsIdentity(FileSystem* files, const CoordinatorConfig& config)
      : files_(files),
        certificate_path_(config.certificate),
        key_path_(config.key),
        folder_(config.folder + "/tls") {}

  FileSystem* files_;
  std::string certificate_path_;
  std::string key_path_;
  std::string folder_;
  std::string authorities_pem_;
  std::string served_;       // what identity_path() holds
  std::string refused_;      // the last content that was no valid pair
  absl::Time refused_from_;  // and until when: a clock that is set has it looked at again
  absl::Time refused_until_;
  std::string certificate_pem_;
  CertificateInfo info_;
};

}  // namespace millrace
