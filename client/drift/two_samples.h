// SPDX-License-Identifier: Apache-2.0
// Whether two samples come from the same distribution.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace millrace {

/// Largest distance between the empirical distributions of two sorted, non-empty samples
/// (Kolmogorov and Smirnov), in [0, 1].
double KolmogorovSmirnov(std::span<const float> a, std::span<const float> b);

/// Chance that samples of n and m independent values from one distribution are further apart:
/// asymptotic, with Stephens' correction (1970); good from some 20 values each.
double KolmogorovSmirnovP(double distance, int64_t n, int64_t m);

/// 1 - K(x), K being Kolmogorov's distribution.
double KolmogorovTail(double x);

/// Population stability index against a reference cut into bins of equal share: sum over the bins
/// of (share - expected) * ln(share / expected). Below 0.1 by custom no change, above 0.25 a large
/// one. Immutable.
class StabilityIndex {
 public:
  /// Of sorted values, at least `bins`; equal values fall into one bin, so that there may be fewer.
  explicit StabilityIndex(std::span<const float> reference, int bins = 10);

  /// `values` in any order, non-empty. Half a value is added to each bin, so that an empty one does
  /// not make the index infinite.
  double Of(std::span<const float> values) const;
  int64_t bins() const { return static_cast<int64_t>(expected_.size()); }

 private:
  std::vector<double> Shares(std::span<const float> values) const;

  std::vector<float> edges_;  // bin i holds values in (edges_[i - 1], edges_[i]]
  std::vector<double> expected_;
};

}  // namespace millrace
