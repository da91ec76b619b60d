// SPDX-License-Identifier: Apache-2.0
// Who is who in a federation: X.509 certificates over ECDSA P-256, or Ed25519 for publishers,
// signed by the federation's authority, with the holder's role and name in a URI:
//   millrace://<federation>/{site|coordinator|viewer|operator|approver|publisher}/<name>
// Everything is PEM text unless its name says DER. Input from peers never does more than fail.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/crypto/digest.h"

namespace millrace {

/// Viewers, operators and approvers use the command line, and each may do what the one before it
/// may, and more. A publisher signs model packages and calls nobody.
enum class Role { kSite, kCoordinator, kViewer, kOperator, kApprover, kPublisher };

inline constexpr Role kRoles[] = {Role::kSite,     Role::kCoordinator, Role::kViewer,
                                  Role::kOperator, Role::kApprover,    Role::kPublisher};

/// "site", "coordinator", "viewer", "operator", "approver", "publisher".
absl::string_view RoleName(Role role);

struct Identity {
  Role role = Role::kSite;
  std::string name;
  bool operator==(const Identity&) const = default;
};

/// Federation and name are acceptable to CheckName.
std::string IdentityUri(absl::string_view federation, const Identity& identity);

/// INVALID_ARGUMENT, quoting the URI, unless it is one that IdentityUri makes.
absl::StatusOr<Identity> ParseIdentityUri(absl::string_view uri);

/// A secret: whoever writes it to disk does so with mode 0600.
struct KeyAndCertificate {
  std::string key_pem;  // PKCS #8, not encrypted
  std::string certificate_pem;
};

/// The federation's root: self-signed, its common name the federation's, valid for ten years from
/// `now` (and from a day before, for clocks that differ).
absl::StatusOr<KeyAndCertificate> CreateAuthority(absl::string_view federation, absl::Time now);

inline constexpr absl::Duration kDefaultCertificateLife = absl::Hours(24 * 30);

struct CertificateRequest {
  Identity identity;
  absl::Time not_before;  // whole seconds; the fraction is dropped
  absl::Time not_after;   // at most the authority's own
  /// A coordinator's host names and IP addresses, besides localhost and 127.0.0.1.
  std::vector<std::string> hosts;
};

/// A new key and its certificate: 128 random bits of serial number; a coordinator's may serve and
/// call (serverAuth, clientAuth), a publisher's sign packages (codeSigning), the others' only call
/// (clientAuth).
absl::StatusOr<KeyAndCertificate> IssueCertificate(const KeyAndCertificate& authority,
                                                   const CertificateRequest& request);

/// The federation that an authority's certificate is for. INVALID_ARGUMENT for any other
/// certificate.
absl::StatusOr<std::string> AuthorityName(absl::string_view pem_or_der);

struct CertificateInfo {
  Identity identity;
  std::string federation;
  absl::Time not_before;
  absl::Time not_after;
  std::string serial;  // lower-case hexadecimal
  Digest fingerprint;  // SHA-256 of the DER
  Digest key;          // SHA-256 of its public key (SubjectPublicKeyInfo)
};

/// INVALID_ARGUMENT unless the first certificate in `pem` carries exactly one Millrace identity.
/// Says nothing of who signed it.
absl::StatusOr<CertificateInfo> ParseCertificate(absl::string_view pem);

/// The first certificate in `pem` as DER, in which it travels and of which the fingerprint is made.
/// INVALID_ARGUMENT if there is none.
absl::StatusOr<std::string> CertificateDer(absl::string_view pem);
/// INVALID_ARGUMENT unless `der` is one certificate and nothing else.
absl::StatusOr<std::string> CertificatePem(absl::string_view der);

/// An `authority_pem` holds up to eight certificates, so that a new authority can take over from
/// the old: whatever one of them signed counts.

/// What a program checks of its own files before it starts, so that the operator reads a reason
/// and not a failed handshake. OK if the certificate is valid at `now`, for `expected`, signed by
/// the authority for the authority's federation, and the key is its own. FAILED_PRECONDITION or
/// INVALID_ARGUMENT otherwise; the message begins with `file_name`, that of the certificate. If it
/// is not valid yet, and nothing else is wrong, the status says when it will be (RetryAfter).
absl::Status CheckCertificate(const std::string& certificate_pem, const std::string& authority_pem,
                              const std::string& key_pem, Role expected, absl::Time now,
                              absl::string_view file_name);

/// What a program checks of another's certificate that reached it by way of a third: the same, all
/// but the key. Who sent the certificate need not be its holder. FAILED_PRECONDITION or
/// INVALID_ARGUMENT otherwise; the message begins with "certificate of <role> <name>", as the
/// certificate says, where it can be read.
absl::StatusOr<CertificateInfo> VerifyPeerCertificate(absl::string_view certificate_pem_or_der,
                                                      absl::string_view authority_pem,
                                                      Role expected, absl::Time now);

}  // namespace millrace
