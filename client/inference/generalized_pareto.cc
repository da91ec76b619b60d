// SPDX-License-Identifier: Apache-2.0
#include "client/inference/generalized_pareto.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace millrace {
namespace {

constexpr double kNoShape = 1e-9;  // closer to zero it is the exponential distribution

/// The shape that maximises the likelihood for a given theta = -shape / scale.
double ShapeOf(double theta, std::span<const double> excesses) {
  double sum = 0;
  for (const double x : excesses) sum += std::log1p(-theta * x);
  return sum / static_cast<double>(excesses.size());
}

}  // namespace

double GeneralizedPareto::Tail(double x) const {
  if (std::abs(shape) < kNoShape) return std::exp(-x / scale);
  const double base = 1 + shape * x / scale;
  return base <= 0 ? 0 : std::pow(base, -1 / shape);
}

double GeneralizedPareto::Quantile(double probability) const {
  if (std::abs(shape) < kNoShape) return -scale * std::log(probability);
  return scale / shape * std::expm1(-shape * std::log(probability));
}

std::optional<GeneralizedPareto> FitGeneralizedPareto(std::span<const double> excesses) {
  const size_t n = excesses.size();
  if (n < 5 || excesses.front() == excesses.back()) return std::nullopt;
  const double quartile = excesses[(n + 2) / 4 - 1];
  const double largest = excesses.back();
  constexpr double kPrior = 3;
  const int grid = 30 + static_cast<int>(std::sqrt(static_cast<double>(n)));
  std::vector<double> thetas;
  std::vector<double> likelihoods;
  for (int j = 1; j <= grid; ++j) {
    const double theta = 1 / largest + (1 - std::sqrt(grid / (j - 0.5))) / (kPrior * quartile);
    const double shape = ShapeOf(theta, excesses);
    thetas.push_back(theta);
    // Of the limit at theta = 0 nothing is asked: the grid does not meet it but by chance.
    const double likelihood = static_cast<double>(n) * (std::log(-theta / shape) - shape - 1);
    likelihoods.push_back(std::isfinite(likelihood) ? likelihood
                                                    : -std::numeric_limits<double>::infinity());
  }
  const double best = *std::max_element(likelihoods.begin(), likelihoods.end());
  if (!std::isfinite(best)) return std::nullopt;
  double weights = 0;
  double theta = 0;
  for (size_t j = 0; j < thetas.size(); ++j) {
    const double weight = std::exp(likelihoods[j] - best);
    weights += weight;
    theta += weight * thetas[j];
  }
  theta /= weights;
  GeneralizedPareto fit;
  fit.shape = ShapeOf(theta, excesses);
  fit.scale = -fit.shape / theta;
  if (!std::isfinite(fit.shape) || !std::isfinite(fit.scale) || fit.scale <= 0) return std::nullopt;
  return fit;
}

double FitDistance(const GeneralizedPareto& fit, std::span<const double> excesses) {
  const auto n = static_cast<double>(excesses.size());
  double largest = 0;
  for (size_t i = 0; i < excesses.size(); ++i) {
    const double below = 1 - fit.Tail(excesses[i]);
    largest = std::max(
        {largest, below - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - below});
  }
  return std::sqrt(n) * largest;
}

}  // namespace millrace
