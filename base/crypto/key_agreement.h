// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "base/secret.h"

namespace millrace {

using AgreementPublicKey = std::array<uint8_t, 32>;

/// One side of an X25519 key agreement (RFC 7748). Thread-safe.
class AgreementKey {
 public:
  static AgreementKey Generate() { return FromSecret(Secret<32>::Random()); }
  /// Any 32 bytes are a key: X25519 sets and clears the five bits that must have a value.
  static AgreementKey FromSecret(Secret<32> secret);

  const AgreementPublicKey& public_key() const { return public_key_; }
  const Secret<32>& secret() const { return secret_; }

  /// The same 32 bytes that the peer gets from our public key. They are no key yet but a point on a
  /// curve: put them through HkdfSha256. INVALID_ARGUMENT, quoting the peer's key, if it is of low
  /// order, for then the result is zero whatever our secret (RFC 7748, section 6.1).
  absl::StatusOr<Secret<32>> Agree(std::span<const uint8_t, 32> peer_public) const;

 private:
  AgreementKey(Secret<32> secret, const AgreementPublicKey& public_key)
      : secret_(std::move(secret)), public_key_(public_key) {}

  Secret<32> secret_;
  AgreementPublicKey public_key_;
};

}  // namespace millrace
