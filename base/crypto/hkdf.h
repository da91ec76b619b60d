// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"

namespace millrace {

/// HKDF with SHA-256 (RFC 5869), extract and expand: fills `out`, 1 to 8,160 bytes, from `key`, at
/// least one byte. An empty `salt` counts as 32 zeros. `info`, at most 1,024 bytes, names what the
/// result is for: others give independent results.
void HkdfSha256(std::span<const uint8_t> key, std::span<const uint8_t> salt, absl::string_view info,
                std::span<uint8_t> out);

}  // namespace millrace
