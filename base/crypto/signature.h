// SPDX-License-Identifier: Apache-2.0
// Signatures by the keys that certificates are for: ECDSA on P-256 over SHA-256 (FIPS 186-4), in
// DER, at most 72 bytes; and Ed25519 (RFC 8032), 64 bytes. An ECDSA signature is not unique, so it
// names nothing. Who signs in several places begins each message with its purpose.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/secret.h"

struct evp_pkey_st;

namespace millrace {
namespace signature_internal {

struct FreeKey {
  void operator()(evp_pkey_st* key) const;
};
using Key = std::unique_ptr<evp_pkey_st, FreeKey>;

}  // namespace signature_internal

using Ed25519PublicKey = std::array<uint8_t, 32>;

/// Thread-safe.
class SigningKey {
 public:
  /// PKCS #8 without a passphrase. INVALID_ARGUMENT unless it is a key on P-256 or of Ed25519.
  static absl::StatusOr<SigningKey> FromPem(absl::string_view key_pem);
  /// The private key of RFC 8032, section 5.1.5: any 32 bytes. Secret<32>::Random() makes a new
  /// one.
  static SigningKey FromEd25519Seed(const Secret<32>& seed);

  std::string Sign(absl::string_view message) const;

 private:
  explicit SigningKey(signature_internal::Key key) : key_(std::move(key)) {}

  signature_internal::Key key_;
};

Ed25519PublicKey Ed25519PublicKeyOf(const Secret<32>& seed);

/// Thread-safe.
class VerifyingKey {
 public:
  /// The holder's, of a certificate in PEM or DER. Says nothing of who issued it: verify that
  /// first. INVALID_ARGUMENT unless it is for a key on P-256 or of Ed25519.
  static absl::StatusOr<VerifyingKey> FromCertificate(absl::string_view pem_or_der);
  /// From a trusted source; with 32 bytes that are no point no signature verifies.
  static VerifyingKey FromEd25519(std::span<const uint8_t, 32> public_key);

  /// False for any signature but one that the private key made of `message`.
  bool Verify(absl::string_view message, absl::string_view signature) const;

 private:
  explicit VerifyingKey(signature_internal::Key key) : key_(std::move(key)) {}

  signature_internal::Key key_;
};

}  // namespace millrace
