// SPDX-License-Identifier: Apache-2.0
#include "client/inference/threshold.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "client/inference/generalized_pareto.h"

namespace millrace {
namespace {

constexpr double kPlentyBeyond = 100;
constexpr double kPeakShare = 0.02;
constexpr int64_t kLeastPeaks = 50;
constexpr double kMostShape = 0.5;    // from there on the variance is infinite
constexpr double kLeastShape = -0.5;  // below, the end of the range decides
constexpr double kMostExtrapolation = 100;
// With one parameter estimated 5 % of the distances lie beyond 1.09 (Stephens 1974), with two
// fewer.
constexpr double kWorstFit = 1.1;

/// The (k + 1)-th largest of sorted scores: k lie beyond it, of n + 1 that is k / (n + 1).
double EmpiricalQuantile(std::span<const float> sorted, double rate) {
  const auto n = static_cast<double>(sorted.size());
  const auto beyond = static_cast<size_t>(std::floor(rate * (n + 1)));
  return sorted[sorted.size() - std::max<size_t>(beyond, 1)];
}

/// Sets the value from the peaks, or says why they do not give one.
void FitPeaks(std::span<const float> sorted, double rate, ThresholdFit& fit) {
  const auto n = static_cast<double>(sorted.size());
  const auto wanted = static_cast<size_t>(std::ceil(kPeakShare * n));
  const double start = sorted[sorted.size() - wanted - 1];
  std::vector<double> excesses;
  for (const float score : sorted.last(wanted)) {
    if (score > start) excesses.push_back(score - start);
  }
  const auto peaks = static_cast<int64_t>(excesses.size());
  if (peaks < kLeastPeaks) {
    fit.why_not_peaks = absl::StrCat(peaks, " peaks, needs ", kLeastPeaks);
    return;
  }
  if (rate * n * kMostExtrapolation < 1) {
    fit.why_not_peaks =
        absl::StrFormat("%d scores say nothing of a rate of %g", sorted.size(), rate);
    return;
  }
  const std::optional<GeneralizedPareto> pareto = FitGeneralizedPareto(excesses);
  if (!pareto) {
    fit.why_not_peaks = "the peaks do not vary";
    return;
  }
  fit.peaks = peaks;
  fit.shape = pareto->shape;
  fit.scale = pareto->scale;
  if (pareto->shape >= kMostShape || pareto->shape <= kLeastShape) {
    fit.why_not_peaks = absl::StrFormat("shape %.2f, must lie within (%g, %g)", pareto->shape,
                                        kLeastShape, kMostShape);
  } else if (const double distance = FitDistance(*pareto, excesses); distance > kWorstFit) {
    fit.why_not_peaks = absl::StrFormat(
        "the peaks lie %.2f off the fitted distribution, at most %g", distance, kWorstFit);
  } else {
    fit.value = start + pareto->Quantile(std::min(1.0, rate * n / static_cast<double>(peaks)));
    fit.method = ThresholdMethod::kPeaksOverThreshold;
  }
}

}  // namespace

absl::StatusOr<ThresholdFit> FitThreshold(std::span<const float> scores, double rate) {
  if (!(rate > 0 && rate <= 0.5)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("a rate of false alarms of %g: must lie within (0, 0.5]", rate));
  }
  std::vector<float> sorted(scores.begin(), scores.end());
  for (const float score : sorted) {
    if (!std::isfinite(score)) return absl::InvalidArgumentError("a score is not finite");
  }
  std::sort(sorted.begin(), sorted.end());
  ThresholdFit fit;
  fit.scores = static_cast<int64_t>(sorted.size());
  const double beyond = rate * static_cast<double>(sorted.size());
  if (sorted.size() > 1 && sorted.front() == sorted.back()) {
    return absl::FailedPreconditionError("the scores do not vary");
  }
  if (beyond < kPlentyBeyond && static_cast<double>(sorted.size()) * kPeakShare >= 1) {
    FitPeaks(sorted, rate, fit);
    if (fit.method == ThresholdMethod::kPeaksOverThreshold) return fit;
  }
  if (beyond < kLeastBeyond) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%d scores are too few for a rate of false alarms of %g: its quantile needs %.0f%s%s",
        sorted.size(), rate, std::ceil(kLeastBeyond / rate),
        fit.why_not_peaks.empty() ? "" : ", and peaks over a threshold will not do: ",
        fit.why_not_peaks));
  }
  fit.value = EmpiricalQuantile(sorted, rate);
  return fit;
}

}  // namespace millrace
