// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "base/secret.h"

namespace millrace {

/// A single-use key of the mask generator.
using MaskKey = Secret<16>;

/// One mask on a vector: PRG(key), where PRG is AES-128-CTR from a counter block of zeroes (NIST
/// SP 800-38A section 6.5), its bytes read as little-endian uint32.
struct Mask {
  const MaskKey* key;  // borrowed for the call
  bool subtract = false;
};

/// How the generator is computed; every path gives the same values.
enum class MaskPath {
  kEvp,   // OpenSSL's cipher, anywhere
  kVaes,  // four blocks per instruction: x86-64 with AVX-512 and vector AES
};

/// The paths that this processor can run, the fastest first.
std::span<const MaskPath> AvailableMaskPaths();

/// values[k] += PRG(mask.key)[offset + k] mod 2^32 for every mask, or -= where it subtracts.
/// `offset` is in elements, at least 0. The coordinates are shared out over `threads` >= 1 threads.
/// Every call sets each key up again and starts its threads: up to a microsecond a key and some
/// tens of them a thread, while a thread adds a million elements of mask in 0.1 to 0.5 ms.
void AddMasks(std::span<uint32_t> values, int64_t offset, std::span<const Mask> masks,
              int threads = 1, MaskPath path = AvailableMaskPaths().front());

}  // namespace millrace
