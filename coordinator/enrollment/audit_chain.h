// SPDX-License-Identifier: Apache-2.0
// The log of changes as a chain: each entry's hash covers the hash of the one before it, so that
// one hash, kept elsewhere, vouches for everything up to it. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/crypto/digest.h"
#include "millrace/v1/enrollment.pb.h"

namespace millrace {

struct AuditEntry {
  int64_t sequence = 0;  // from 1
  absl::Time time;       // whole microseconds
  std::string actor;     // "operator ada"
  std::string action;    // "run.start"
  std::string object;    // "run turbofan-1"
  std::string result;    // "asked", "ok", or the refusal
  Digest hash;
};

/// SHA-256 over `previous` (zeros before the first entry) and every field but the hash, each with
/// its length before it.
Digest AuditHash(const Digest& previous, const AuditEntry& entry);

/// Checks entries one after the other, from the first one on.
class AuditVerifier {
 public:
  /// DATA_LOSS, naming the entry, if one is missing before it, or if it or anything before it is
  /// not what was written.
  absl::Status Take(const AuditEntry& entry);

  int64_t entries() const { return entries_; }
  /// The hash of the last entry.
  const Digest& head() const { return head_; }

 private:
  int64_t entries_ = 0;
  Digest head_;
};

v1::AuditEntry ToProto(const AuditEntry& entry);
/// INVALID_ARGUMENT for a hash that is none.
absl::StatusOr<AuditEntry> FromProto(const v1::AuditEntry& proto);

}  // namespace millrace
