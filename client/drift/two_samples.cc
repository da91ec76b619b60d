// SPDX-License-Identifier: Apache-2.0
#include "client/drift/two_samples.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace millrace {

double KolmogorovSmirnov(std::span<const float> a, std::span<const float> b) {
  double largest = 0;
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    const float value = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= value) ++i;
    while (j < b.size() && b[j] <= value) ++j;
    largest = std::max(largest, std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                         static_cast<double>(j) / static_cast<double>(b.size())));
  }
  return largest;
}

double KolmogorovTail(double x) {
  using std::numbers::pi;
  if (x <= 0) return 1;
  double sum = 0;
  if (x < 1.18) {  // here the other series converges slowly
    for (int j = 1; j <= 7; j += 2) sum += std::exp(-j * j * pi * pi / (8 * x * x));
    return 1 - std::sqrt(2 * pi) / x * sum;
  }
  for (int j = 1; j <= 4; ++j) sum += (j % 2 == 1 ? 2 : -2) * std::exp(-2.0 * j * j * x * x);
  return std::clamp(sum, 0.0, 1.0);
}

double KolmogorovSmirnovP(double distance, int64_t n, int64_t m) {
  const auto a = static_cast<double>(n);
  const auto b = static_cast<double>(m);
  const double root = std::sqrt(a * b / (a + b));
  return KolmogorovTail((root + 0.12 + 0.11 / root) * distance);
}

StabilityIndex::StabilityIndex(std::span<const float> reference, int bins) {
  for (int bin = 1; bin < bins; ++bin) {
    const float edge = reference[reference.size() * bin / bins - 1];
    if (edges_.empty() || edge > edges_.back()) edges_.push_back(edge);
  }
  // An edge at the largest value leaves nothing for a bin behind it.
  if (!edges_.empty() && edges_.back() == reference.back() && edges_.size() > 1) edges_.pop_back();
  expected_ = Shares(reference);
}

std::vector<double> StabilityIndex::Shares(std::span<const float> values) const {
  std::vector<double> shares(edges_.size() + 1, 0.5);
  for (const float value : values) {
    ++shares[std::lower_bound(edges_.begin(), edges_.end(), value) - edges_.begin()];
  }
  const double total =
      static_cast<double>(values.size()) + 0.5 * static_cast<double>(shares.size());
  for (double& share : shares) share /= total;
  return shares;
}

double StabilityIndex::Of(std::span<const float> values) const {
  const std::vector<double> shares = Shares(values);
  double index = 0;
  for (size_t bin = 0; bin < shares.size(); ++bin) {
    index += (shares[bin] - expected_[bin]) * std::log(shares[bin] / expected_[bin]);
  }
  return index;
}

}  // namespace millrace
