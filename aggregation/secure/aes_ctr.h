// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace millrace {

/// A counter block of AES-CTR: both halves big-endian in the block, the high one first.
struct CounterBlock {
  uint64_t high = 0;
  uint64_t low = 0;
};

/// The keystream of AES-128-CTR (NIST SP 800-38A section 6.5) under one key, read as little-endian
/// uint32, with a place in it that moves on. Wipes its key schedule. Not thread-safe.
class Keystream {
 public:
  virtual ~Keystream() = default;

  /// values[k] += the keystream's next elements mod 2^32, or -=.
  virtual void AddNext(std::span<uint32_t> values, bool subtract) = 0;
};

/// The keystream that begins with the encryption of `start`, placed at element `offset` >= 0.
/// start.low + offset / 4 and all later counters stay below 2^64.
std::unique_ptr<Keystream> NewEvpKeystream(std::span<const uint8_t, 16> key, CounterBlock start,
                                           int64_t offset);
/// The same with vector AES. Only where HasVaes().
std::unique_ptr<Keystream> NewVaesKeystream(std::span<const uint8_t, 16> key, CounterBlock start,
                                            int64_t offset);

/// True iff this processor and its operating system can run VAES on 512-bit registers.
bool HasVaes();

}  // namespace millrace
