// SPDX-License-Identifier: Apache-2.0
// The federation's list of certificates that no longer count: an X.509 CRL (RFC 5280), PEM, signed
// by its authority. Each new list has a higher number than the one before, so that whoever holds
// one cannot be given an older one.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/crypto/certificate.h"

namespace millrace {

struct RevocationList {
  int64_t number = 0;                       // 0: there is no list yet
  std::map<std::string, absl::Time> since;  // by serial number, lower-case hexadecimal

  bool Has(const std::string& serial) const { return since.contains(serial); }
};

/// At most this many: a list is read whole by every site.
inline constexpr size_t kMaxRevoked = 10'000;

/// The list in PEM, signed. `number` >= 1. INVALID_ARGUMENT for too many, or a serial number that
/// is none.
absl::StatusOr<std::string> SignRevocationList(const KeyAndCertificate& authority,
                                               const RevocationList& list, absl::Time now);

/// What a list says. INVALID_ARGUMENT for what is none, PERMISSION_DENIED unless one of the
/// certificates in `authority_pem` signed it.
absl::StatusOr<RevocationList> VerifyRevocationList(absl::string_view pem,
                                                    absl::string_view authority_pem);
/// The same whoever signed it.
absl::StatusOr<RevocationList> ParseRevocationList(absl::string_view pem);

}  // namespace millrace
