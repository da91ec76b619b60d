// SPDX-License-Identifier: Apache-2.0
#include "aggregation/exact_sum.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

// __extension__ keeps -Wpedantic quiet about the 128-bit types that GCC and Clang have.
__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

constexpr int kLimbBits = 16;
constexpr int kFractionBits = 32;
constexpr int kBits = kExactLimbs * kLimbBits;
constexpr double kLimit = 0x1p62;
// Above this a double is not every integer, so that a sum may have lost one.
constexpr double kLargestExactSum = 0x1p53;

}  // namespace

absl::StatusOr<std::vector<float>> EncodeExact(std::span<const double> values) {
  std::vector<float> limbs;
  limbs.reserve(values.size() * kExactLimbs);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!(std::abs(values[i]) < kLimit)) {
      return absl::OutOfRangeError(absl::StrCat("statistic ", i, " = ", values[i],
                                                ": must be finite and below 2^62 in magnitude"));
    }
    const double scaled = std::nearbyint(std::ldexp(values[i], kFractionBits));
    auto bits = static_cast<Uint128>(static_cast<Int128>(scaled));
    for (int limb = 0; limb < kExactLimbs; ++limb) {
      limbs.push_back(static_cast<float>(static_cast<uint16_t>(bits)));
      bits >>= kLimbBits;
    }
  }
  return limbs;
}

absl::StatusOr<std::vector<double>> DecodeExact(std::span<const double> sums) {
  if (sums.size() % kExactLimbs != 0) {
    return absl::InvalidArgumentError(absl::StrCat("summed statistics: ", sums.size(),
                                                   " limbs are no multiple of ", kExactLimbs));
  }
  std::vector<double> values;
  values.reserve(sums.size() / kExactLimbs);
  for (size_t begin = 0; begin < sums.size(); begin += kExactLimbs) {
    Uint128 total = 0;  // modulo 2^128, of which 2^96 is a divisor
    for (int limb = 0; limb < kExactLimbs; ++limb) {
      const double sum = sums[begin + limb];
      if (!(sum >= 0 && sum <= kLargestExactSum && sum == std::floor(sum))) {
        return absl::InvalidArgumentError(absl::StrCat("summed statistics: limb ", begin + limb,
                                                       " = ", sum,
                                                       ": must be an integer from 0 to 2^53"));
      }
      total += static_cast<Uint128>(sum) << (limb * kLimbBits);
    }
    // Sign extension from 96 bits, then one rounding to double.
    const auto shifted = static_cast<Int128>(total << (128 - kBits)) >> (128 - kBits);
    values.push_back(std::ldexp(static_cast<double>(shifted), -kFractionBits));
  }
  return values;
}

}  // namespace millrace
