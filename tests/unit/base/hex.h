// SPDX-License-Identifier: Apache-2.0
// The standards' examples as they are printed.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// Of `hex` with twice N digits.
template <size_t N>
std::array<uint8_t, N> BytesOf(absl::string_view hex) {
  const std::string raw = absl::HexStringToBytes(hex);
  std::array<uint8_t, N> bytes{};
  std::copy_n(raw.begin(), std::min(N, raw.size()), bytes.begin());
  return bytes;
}

inline std::string HexOf(std::span<const uint8_t> bytes) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// The bytes of `text`, which outlives them.
inline std::span<const uint8_t> Octets(absl::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace millrace
