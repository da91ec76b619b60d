// SPDX-License-Identifier: Apache-2.0
// AES-256-GCM (NIST SP 800-38D): what is sealed can be read and changed by the key's holders alone.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/secret.h"

namespace millrace {

inline constexpr size_t kAeadTagBytes = 16;
inline constexpr size_t kMaxAeadBytes = size_t{1} << 30;

/// The ciphertext, as long as `plain`, and kAeadTagBytes of tag. `plain` and `associated_data` have
/// at most kMaxAeadBytes each. Two messages under one key and nonce give each other away, and the
/// power to forge: use a nonce once.
std::string Seal(const Secret<32>& key, std::span<const uint8_t, 12> nonce,
                 absl::string_view associated_data, std::span<const uint8_t> plain);

/// Fills `plain` with what Seal was given. INVALID_ARGUMENT unless `sealed` has kAeadTagBytes more
/// than `plain`. DATA_LOSS if the tag does not fit, that is unless the key, the nonce, the
/// associated data and every byte are those of Seal; `plain` is then all zero. (UNAUTHENTICATED is
/// for a caller without a certificate.)
absl::Status Open(const Secret<32>& key, std::span<const uint8_t, 12> nonce,
                  absl::string_view associated_data, absl::string_view sealed,
                  std::span<uint8_t> plain);

}  // namespace millrace
