// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/pack.h"

#include "base/check.h"

namespace millrace {
namespace {

template <int kBytes>
void PackLoop(const uint32_t* __restrict words, size_t n, uint8_t* __restrict bytes) {
  for (size_t i = 0; i < n; ++i) {
    for (int k = 0; k < kBytes; ++k) {
      bytes[kBytes * i + k] = static_cast<uint8_t>(words[i] >> (8 * k));
    }
  }
}

template <int kBytes>
void UnpackLoop(const uint8_t* __restrict bytes, size_t n, uint32_t* __restrict words) {
  for (size_t i = 0; i < n; ++i) {
    uint32_t word = 0;
    for (int k = 0; k < kBytes; ++k) word |= uint32_t{bytes[kBytes * i + k]} << (8 * k);
    words[i] = word;
  }
}

}  // namespace

size_t PackedBytes(int bits, size_t words) {
  MR_CHECK(bits == 16 || bits == 24 || bits == 32);
  return words * (bits / 8);
}

void Pack(int bits, std::span<const uint32_t> words, std::span<uint8_t> bytes) {
  MR_CHECK(bytes.size() == PackedBytes(bits, words.size()));
  if (bits == 16) return PackLoop<2>(words.data(), words.size(), bytes.data());
  if (bits == 24) return PackLoop<3>(words.data(), words.size(), bytes.data());
  PackLoop<4>(words.data(), words.size(), bytes.data());
}

void Unpack(int bits, std::span<const uint8_t> bytes, std::span<uint32_t> words) {
  MR_CHECK(bytes.size() == PackedBytes(bits, words.size()));
  if (bits == 16) return UnpackLoop<2>(bytes.data(), words.size(), words.data());
  if (bits == 24) return UnpackLoop<3>(bytes.data(), words.size(), words.data());
  UnpackLoop<4>(bytes.data(), words.size(), words.data());
}

}  // namespace millrace
