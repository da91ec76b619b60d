// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace millrace {

/// sum[i] += weight * x[i], in double. True iff every x[i] is finite; otherwise `sum` is spoilt.
bool FoldChunk(std::span<double> sum, std::span<const float> x, double weight);

/// True iff every element is finite.
bool AllFinite(std::span<const float> x);

/// No element of an update reaches this magnitude: no honest one comes near, and a model that adds
/// up such updates for millions of rounds still stays finite.
inline constexpr float kUpdateBound = 0x1p30F;

/// True iff every |element| < kUpdateBound; NaN is not.
bool WithinUpdateBound(std::span<const float> x);

/// The streaming weighted sum of updates: a parameter section that is weighted and a statistics
/// section behind it that is merely added. Memory: 8 bytes per element, however many updates.
///
/// Error: with n updates each element of the sum is within n * 2^-53 * sum_k |w_k x_k| of the true
/// one (Higham 2002, eq. 4.4; products w_k x_k are exact in double for weights below 2^29), so that
/// 10,000 updates cost a relative 1.2e-12, far below float32's 6e-8.
class WeightedSum {
 public:
  WeightedSum(int64_t parameters, int64_t statistics);

  /// Folds elements [offset, offset + x.size()) of one update; a chunk may straddle both sections.
  /// The caller has checked that the weight is sane. False if an element is not finite: the sum is
  /// then spoilt and must be thrown away.
  [[nodiscard]] bool Fold(int64_t offset, std::span<const float> x, double weight);
  /// Counts one whole update, after its last chunk.
  void AddWeight(double weight);

  double total_weight() const { return total_weight_; }
  int64_t updates() const { return updates_; }
  int64_t parameters() const { return parameters_; }
  std::span<const double> statistics() const;
  /// mean[i] = sum[offset + i] / total weight for the parameter section, rounded to float32.
  /// The total weight is above 0.
  void Mean(int64_t offset, std::span<float> mean) const;

 private:
  int64_t parameters_;
  std::vector<double> sum_;
  double total_weight_ = 0;
  int64_t updates_ = 0;
};

}  // namespace millrace
