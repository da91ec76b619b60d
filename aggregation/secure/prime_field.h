// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace {

/// Arithmetic modulo the prime P. Arguments and results are in [0, P) and, since they may be
/// secrets, no branch depends on them.
template <uint64_t P>
struct PrimeField {
  static_assert(P >= 2 && P < uint64_t{1} << 63, "a sum of two elements fits 64 bits");

  static constexpr uint64_t kPrime = P;
  static constexpr bool kIsMersenne61 = P == (uint64_t{1} << 61) - 1;

  static constexpr uint64_t Add(uint64_t a, uint64_t b) { return SubtractOnce(a + b); }
  static constexpr uint64_t Sub(uint64_t a, uint64_t b) { return SubtractOnce(a + (P - b)); }

  static constexpr uint64_t Mul(uint64_t a, uint64_t b) {
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    if constexpr (kIsMersenne61) {  // 2^61 = 1, so that the upper bits are added to the lower
      return SubtractOnce((static_cast<uint64_t>(product) & P) +
                          static_cast<uint64_t>(product >> 61));
    } else {
      return static_cast<uint64_t>(product % P);
    }
  }

  /// a^(P - 2), which is 1 / a by Fermat's little theorem; a is not 0.
  static constexpr uint64_t Inverse(uint64_t a) {
    uint64_t result = 1;
    for (uint64_t exponent = P - 2; exponent != 0; exponent >>= 1) {
      if ((exponent & 1) != 0) result = Mul(result, a);
      a = Mul(a, a);
    }
    return result;
  }

 private:
  // For x below 2 P.
  static constexpr uint64_t SubtractOnce(uint64_t x) { return x - (P & -uint64_t{x >= P}); }
};

/// The field of the shares: 2^61 - 1 is the largest Mersenne prime below 2^64.
using Field61 = PrimeField<(uint64_t{1} << 61) - 1>;

}  // namespace millrace
