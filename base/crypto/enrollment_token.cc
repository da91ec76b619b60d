// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/enrollment_token.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/crypto/hkdf.h"

namespace millrace {
namespace {

constexpr absl::string_view kPrefix = "millrace-";
constexpr size_t kChecksumBytes = 4;
constexpr size_t kPayloadBytes = EnrollmentToken::kSecretBytes + 32;

std::string ChecksumOf(absl::string_view payload) {
  return Sha256Of(absl::StrCat("millrace token ", payload)).ToBytes().substr(0, kChecksumBytes);
}

absl::Status Slip() {
  return absl::InvalidArgumentError(
      "token: not one, or not all of it: copy the whole line that `millrace site invite` printed");
}

Digest Derive(std::span<const uint8_t> key, absl::string_view info) {
  Digest derived;
  HkdfSha256(key, {}, info, derived.bytes);
  return derived;
}

}  // namespace

EnrollmentToken EnrollmentToken::New(const Digest& authority) {
  return {Secret<kSecretBytes>::Random(), authority};
}

std::string ToText(const EnrollmentToken& token) {
  const auto secret = token.secret.bytes();
  const std::string payload = std::string(secret.begin(), secret.end()) + token.authority.ToBytes();
  return absl::StrCat(kPrefix, absl::WebSafeBase64Escape(payload + ChecksumOf(payload)));
}

absl::StatusOr<EnrollmentToken> ParseEnrollmentToken(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  std::string bytes;
  if (!absl::StartsWith(text, kPrefix) ||
      !absl::WebSafeBase64Unescape(text.substr(kPrefix.size()), &bytes) ||
      bytes.size() != kPayloadBytes + kChecksumBytes ||
      bytes.substr(kPayloadBytes) != ChecksumOf(bytes.substr(0, kPayloadBytes))) {
    return Slip();
  }
  EnrollmentToken token;
  std::copy_n(bytes.begin(), EnrollmentToken::kSecretBytes, token.secret.mutable_bytes().begin());
  std::copy_n(bytes.begin() + EnrollmentToken::kSecretBytes, token.authority.bytes.size(),
              token.authority.bytes.begin());
  OPENSSL_cleanse(bytes.data(), bytes.size());
  // The last character has bits to spare: there is one way to write a token.
  if (ToText(token) != text) return Slip();
  return token;
}

Digest RedeemKey(const EnrollmentToken& token) {
  return Derive(token.secret.bytes(), "millrace enrollment redeem");
}

Digest ProofKey(const EnrollmentToken& token) {
  return Derive(token.secret.bytes(), "millrace enrollment proof");
}

Digest KeyProof(const Digest& proof_key, const Digest& key_fingerprint) {
  return Derive(proof_key.bytes, absl::StrCat("millrace enrollment key ", key_fingerprint.Hex()));
}

bool SameSecret(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace millrace
