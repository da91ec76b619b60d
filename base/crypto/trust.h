// SPDX-License-Identifier: Apache-2.0
// Whom a federation takes for its authority, and how that changes: the authority makes its
// successor, both count for a while, and the old one goes. Each step is a statement that an
// authority of the step before has signed; a file of authorities says which step it is at, so that
// no one can be led back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/crypto/certificate.h"

namespace millrace {

/// Of a federation that has had one authority only: step 0.
struct TrustedAuthorities {
  int64_t number = 0;
  std::vector<std::string> certificates;  // DER; the first is the one that signs
};

/// What an authority.crt holds: "Millrace-Trust: <number>", where it is not 0, before 1 to 8
/// certificates in PEM, which other programs read as well. INVALID_ARGUMENT otherwise.
absl::StatusOr<TrustedAuthorities> ParseAuthorities(absl::string_view pem);
absl::StatusOr<std::string> AuthoritiesPem(const TrustedAuthorities& authorities);

struct SignedTrust {
  TrustedAuthorities next;
  std::string signature;
};

/// `key_pem` is that of an authority of the step before.
absl::StatusOr<SignedTrust> SignTrust(const TrustedAuthorities& next, const std::string& key_pem);

/// The step after `held`. FAILED_PRECONDITION unless `statement` is that: the next number, signed
/// by an authority that is held, all of them certificates of authorities of this federation.
absl::StatusOr<TrustedAuthorities> ApplyTrust(const TrustedAuthorities& held,
                                              const SignedTrust& statement);

/// The same for several, by number; those that lie behind `held` are left out.
absl::StatusOr<TrustedAuthorities> ApplyTrust(TrustedAuthorities held,
                                              const std::vector<SignedTrust>& statements);

/// SHA-256 over the number and the certificates: what a token names.
Digest TrustDigest(const TrustedAuthorities& authorities);

}  // namespace millrace
