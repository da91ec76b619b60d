// SPDX-License-Identifier: Apache-2.0
// Statistics that must add up exactly (counts, sums, sums of squares) inside a vector that is only
// ever added up, as floats or modulo 2^32: each number becomes fixed-point digits small enough that
// their sums stay exact integers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace {

/// Digits per number: a two's-complement fixed-point number of 192 bits, 80 of them fractional, in
/// twelve 16-bit digits, least significant first.
///
/// The range: |value| < 2^94, so that 2^16 of them stay below 2^110, inside the 111 whole bits
/// that the sign leaves. A channel of 1e9 may have 1e10 rows at each of 65,536 sites. The
/// resolution: 2^-80 = 8e-25, so that the squares of a channel in units of 1e-9 keep five digits.
/// The digits: 65535 * 65536 < 2^32, exact in double and modulo 2^32 alike.
inline constexpr int kExactLimbs = 12;

/// Each value, rounded to 2^-80, becomes kExactLimbs floats in [0, 65535].
/// OUT_OF_RANGE if a value is not finite or |value| >= 2^94.
absl::StatusOr<std::vector<float>> EncodeExact(std::span<const double> values);

/// The inverse over element-wise sums of encodings, rounded to double once. Exact for sums of at
/// most 65,536 encodings. INVALID_ARGUMENT if the length is no multiple of kExactLimbs or an
/// element is not an integer from 0 to 2^53.
absl::StatusOr<std::vector<double>> DecodeExact(std::span<const double> sums);

}  // namespace millrace
