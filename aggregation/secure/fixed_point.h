// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"

namespace millrace {

/// Float vectors as integers that are added modulo 2^bits. With n sites, clip bound c and
///   S = floor((2^(bits - 1) - 1) / n)   steps for the bound,   s = S / c   steps for 1,
/// a site sends round(clamp(s w x, -S w, S w)) for each element x, where w in (0, 1] is its share,
/// its weight over the largest one. Rounding is stochastic, hence unbiased: up with the probability
/// of the fraction (Gupta et al. 2015, section 3).
///
/// The sum of n sites never wraps around: S is whole, so that no rounding leaves [-S, S], and
/// n S <= 2^(bits - 1) - 1. With an s that is whole instead, floor((2^31 - 1) / (n c)) - 1, a site
/// may send as much as s c + 1, and n times that is up to n (1 - c) beyond 2^31 - 1 for c < 1.
class FixedPoint {
 public:
  /// `bits` on the wire: 16, 24 or 32. INVALID_ARGUMENT, with the numbers, for other widths, for
  /// fewer than 1 site, for a bound that is no positive float32, and where S would be 0.
  static absl::StatusOr<FixedPoint> Create(int bits, int64_t sites, double bound);

  /// Two's complement in 32 bits, of which the lower `bits` go on the wire. One uniform random word
  /// per element; the expectation is s w x to 2^-32. `x`, `random` and `out` have one length; the
  /// share is in (0, 1]. False, with `out` untouched, if an element is not finite.
  [[nodiscard]] bool Encode(std::span<const float> x, double share,
                            std::span<const uint32_t> random, std::span<uint32_t> out) const;

  /// mean[i] = sum[i] / (s total_share), with the sites' shares added up and only the lower `bits`
  /// of a sum looked at.
  void Decode(std::span<const uint32_t> sum, double total_share, std::span<float> mean) const;

  /// What rounding may add to an element of the mean of all sites, besides float32's own: less than
  /// a step for each, n / (s total_share).
  double WorstError(double total_share) const;
  /// And its standard deviation: at most half a step for each, sqrt(n) / (2 s total_share).
  double StandardError(double total_share) const;

 private:
  FixedPoint(int bits, int64_t sites, int64_t steps, double bound);

  int bits_;
  int64_t sites_;
  double steps_;  // S
  double scale_;  // s
};

}  // namespace millrace
