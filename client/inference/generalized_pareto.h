// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

namespace millrace {

/// The distribution that excesses over a high threshold tend to (Pickands, Balkema and de Haan):
/// P(excess > x) = (1 + shape x / scale)^(-1 / shape), exp(-x / scale) where the shape is 0.
struct GeneralizedPareto {
  double shape = 0;
  double scale = 1;

  /// P(excess > x), x >= 0.
  double Tail(double x) const;
  /// The x that an excess is beyond with this probability, in (0, 1].
  double Quantile(double probability) const;
};

/// Fits it to sorted excesses > 0 by the estimator of Zhang and Stephens (Technometrics, 2009): the
/// mean of a posterior over the profile likelihood, which always exists and is as good as maximum
/// likelihood where that exists. Nothing for fewer than 5 excesses or such that are all the same.
std::optional<GeneralizedPareto> FitGeneralizedPareto(std::span<const double> excesses);

/// sqrt(n) times the largest distance between the sorted excesses' distribution and the fitted one.
double FitDistance(const GeneralizedPareto& fit, std::span<const double> excesses);

}  // namespace millrace
