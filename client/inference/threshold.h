// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace millrace {

enum class ThresholdMethod : uint8_t {
  kEmpiricalQuantile,
  kPeaksOverThreshold,
};

/// A limit that normal scores exceed at a wanted rate, and how it was found.
struct ThresholdFit {
  double value = 0;  // a score above it is an alarm
  ThresholdMethod method = ThresholdMethod::kEmpiricalQuantile;
  int64_t scores = 0;
  // Of the peaks over the threshold; 0 where none were fitted.
  int64_t peaks = 0;
  double shape = 0;
  double scale = 0;
  std::string why_not_peaks;  // empty unless the fit was tried or needed, and refused
};

/// A quantile at `rate` needs ten scores beyond it.
inline constexpr double kLeastBeyond = 10;

/// The limit that a share `rate` in (0, 0.5] of scores like these exceed. Where at least a hundred
/// lie beyond it, it is the empirical quantile. Else a generalised Pareto distribution is fitted to
/// the highest 2 % (Siffer et al., KDD 2017, equation 1) if its conditions hold: at least 50 peaks,
/// a shape in (-1/2, 1/2), a fit no worse than chance gives, and a rate no more than a hundredfold
/// beyond what was seen. Failing these, it is the empirical quantile again, and the fit says why.
///
/// FAILED_PRECONDITION if there are too few scores for that too (the message says how many are
/// needed) or they do not vary; INVALID_ARGUMENT for scores that are not finite. O(n log n).
absl::StatusOr<ThresholdFit> FitThreshold(std::span<const float> scores, double rate);

}  // namespace millrace
