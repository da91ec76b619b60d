// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/crypto/certificate.h"
#include "base/crypto/digest.h"
#include "base/crypto/revocation_list.h"
#include "base/crypto/signature.h"

namespace millrace {

/// Who a site is in secure rounds, and whom of the others it knows: the keys behind certificates
/// that the federation's authority signed. Not thread-safe.
class SiteIdentity {
 public:
  /// INVALID_ARGUMENT for files that are not what their names say. `clock` outlives the object.
  static absl::StatusOr<SiteIdentity> Create(std::string authority_pem,
                                             const std::string& certificate_pem,
                                             const std::string& key_pem, Clock* clock);

  /// A new certificate, new authorities, a new list of the revoked (PEM, may be empty): for the
  /// next round. INVALID_ARGUMENT leaves everything as it was.
  absl::Status Update(const std::string& authority_pem, const std::string& certificate_pem,
                      const std::string& key_pem, const std::string& revocation_pem);

  const std::string& federation() const { return info_.federation; }
  const std::string& site() const { return info_.identity.name; }
  /// Of the site's own certificate.
  const Digest& fingerprint() const { return info_.fingerprint; }
  const SigningKey& key() const { return key_; }

  /// True if the certificate with this SHA-256 was learnt before.
  bool Knows(absl::string_view fingerprint) const;
  /// A certificate (DER) that came by way of the coordinator. FAILED_PRECONDITION or
  /// INVALID_ARGUMENT, naming its holder, unless the authority made it for a site.
  absl::Status Learn(const std::string& der);
  /// The key of `site` behind a certificate that was learnt. PERMISSION_DENIED if that is
  /// another's, has expired since, or was revoked.
  absl::StatusOr<std::shared_ptr<const VerifyingKey>> KeyOf(const std::string& site,
                                                            absl::string_view fingerprint) const;

 private:
  SiteIdentity(std::string authority_pem, CertificateInfo info, SigningKey key, Clock* clock)
      : authority_pem_(std::move(authority_pem)),
        info_(std::move(info)),
        key_(std::move(key)),
        clock_(clock) {}

  std::string authority_pem_;
  CertificateInfo info_;
  RevocationList revoked_;
  SigningKey key_;
  Clock* clock_;
  struct Known {
    CertificateInfo info;
    std::shared_ptr<const VerifyingKey> key;
  };
  std::map<std::string, Known, std::less<>> known_;  // by fingerprint
};

}  // namespace millrace
