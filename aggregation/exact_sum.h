// SPDX-License-Identifier: Apache-2.0
// Statistics that must add up exactly (counts, sums, sums of squares) inside a vector of float32
// that is only ever added up: each number becomes fixed-point limbs small enough that their sums
// stay exact integers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace {

/// Limbs per number: a two's-complement 96-bit fixed-point number with 32 fractional bits, in six
/// 16-bit digits, least significant first.
inline constexpr int kExactLimbs = 6;

/// Each value, rounded to 2^-32, becomes kExactLimbs floats in [0, 65535].
/// OUT_OF_RANGE if a value is not finite or |value| >= 2^62.
absl::StatusOr<std::vector<float>> EncodeExact(std::span<const double> values);

/// The inverse over element-wise sums of encodings, carries propagated modulo 2^96. Exact as long
/// as at most 2^36 encodings were summed in double and the true sum fits. INVALID_ARGUMENT if the
/// length is no multiple of kExactLimbs or an element is not a non-negative integer.
absl::StatusOr<std::vector<double>> DecodeExact(std::span<const double> sums);

}  // namespace millrace
