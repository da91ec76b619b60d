// SPDX-License-Identifier: Apache-2.0
#include "aggregation/exact_sum.h"

#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

constexpr int kLimbBits = 16;
constexpr int kFractionBits = 80;
constexpr double kLimit = 0x1p94;
// Above this a double is not every integer, so that a sum may have lost one.
constexpr double kLargestExactSum = 0x1p53;

__extension__ using Uint128 = unsigned __int128;  // quiet under -Wpedantic

/// A two's-complement number, least significant digit first.
using Digits = std::array<uint16_t, kExactLimbs>;

void Negate(Digits& digits) {
  uint32_t carry = 1;
  for (uint16_t& digit : digits) {
    carry += static_cast<uint16_t>(~digit);
    digit = static_cast<uint16_t>(carry);
    carry >>= kLimbBits;
  }
}

/// `value` in units of 2^-kFractionBits. Exact but for the rounding to such a unit: what is left of
/// a double is a double.
Digits ToDigits(double value) {
  double rest = std::nearbyint(std::ldexp(std::abs(value), kFractionBits));
  Digits digits;
  for (int i = kExactLimbs - 1; i >= 0; --i) {
    const double digit = std::floor(std::ldexp(rest, -i * kLimbBits));
    rest -= std::ldexp(digit, i * kLimbBits);
    digits[i] = static_cast<uint16_t>(digit);
  }
  if (value < 0) Negate(digits);
  return digits;
}

double FromDigits(Digits digits) {
  const bool negative = digits.back() >> (kLimbBits - 1) != 0;
  if (negative) Negate(digits);
  int top = kExactLimbs - 1;
  while (top > 0 && digits[top] == 0) --top;
  // Eight digits hold more bits than a double; of what lies below them it only matters, for the
  // rounding, whether there is anything.
  const int last = top - 7;
  Uint128 leading = 0;
  for (int i = top; i >= last; --i) leading = leading << kLimbBits | (i < 0 ? 0U : digits[i]);
  for (int i = 0; i < last; ++i) leading |= digits[i] != 0 ? 1U : 0U;
  const double magnitude =
      std::ldexp(static_cast<double>(leading), last * kLimbBits - kFractionBits);
  return negative ? -magnitude : magnitude;
}

}  // namespace

absl::StatusOr<std::vector<float>> EncodeExact(std::span<const double> values) {
  std::vector<float> limbs;
  limbs.reserve(values.size() * kExactLimbs);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!(std::abs(values[i]) < kLimit)) {
      return absl::OutOfRangeError(absl::StrCat("statistic ", i, " = ", values[i],
                                                ": must be finite and below 2^94 in magnitude"));
    }
    const Digits digits = ToDigits(values[i]);
    limbs.insert(limbs.end(), digits.begin(), digits.end());
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
    Digits digits;
    uint64_t carry = 0;
    for (int limb = 0; limb < kExactLimbs; ++limb) {
      const double sum = sums[begin + limb];
      if (!(sum >= 0 && sum <= kLargestExactSum && sum == std::floor(sum))) {
        return absl::InvalidArgumentError(absl::StrCat("summed statistics: limb ", begin + limb,
                                                       " = ", sum,
                                                       ": must be an integer from 0 to 2^53"));
      }
      carry += static_cast<uint64_t>(sum);
      digits[limb] = static_cast<uint16_t>(carry);
      carry >>= kLimbBits;
    }
    values.push_back(FromDigits(digits));
  }
  return values;
}

}  // namespace millrace
