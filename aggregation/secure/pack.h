// SPDX-License-Identifier: Apache-2.0
// Words of 16, 24 or 32 bits on the wire: little-endian bytes without gaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace {

/// The bytes of `words` words of `bits` bits: 16, 24 or 32.
size_t PackedBytes(int bits, size_t words);

/// The lower `bits` of each word. `bytes` holds PackedBytes(bits, words.size()).
void Pack(int bits, std::span<const uint32_t> words, std::span<uint8_t> bytes);

/// The inverse; the upper bits become 0.
void Unpack(int bits, std::span<const uint8_t> bytes, std::span<uint32_t> words);

}  // namespace millrace
