// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace millrace {

/// Ridge regression by normal equations, for a few dozen features.
class LinearFit {
 public:
  explicit LinearFit(size_t features)
      : size_(features), gram_(features * features), moments_(features), weights_(features) {}

  void Add(const std::vector<double>& features, double target) {
    for (size_t i = 0; i < size_; ++i) {
      for (size_t j = 0; j < size_; ++j) gram_[i * size_ + j] += features[i] * features[j];
      moments_[i] += features[i] * target;
    }
  }

  /// Adds what `other` was given.
  void Merge(const LinearFit& other) {
    for (size_t i = 0; i < gram_.size(); ++i) gram_[i] += other.gram_[i];
    for (size_t i = 0; i < size_; ++i) moments_[i] += other.moments_[i];
  }

  /// Gaussian elimination; `ridge` is relative to each feature's own sum of squares, which makes
  /// the matrix positive definite, so that no pivoting is needed.
  void Solve(double ridge) {
    std::vector<double> a = gram_;
    std::vector<double> b = moments_;
    for (size_t i = 0; i < size_; ++i) a[i * size_ + i] *= 1 + ridge;
    for (size_t i = 0; i < size_; ++i) {
      for (size_t row = i + 1; row < size_; ++row) {
        const double factor = a[row * size_ + i] / a[i * size_ + i];
        for (size_t j = i; j < size_; ++j) a[row * size_ + j] -= factor * a[i * size_ + j];
        b[row] -= factor * b[i];
      }
    }
    for (size_t i = size_; i-- > 0;) {
      double value = b[i];
      for (size_t j = i + 1; j < size_; ++j) value -= a[i * size_ + j] * weights_[j];
      weights_[i] = value / a[i * size_ + i];
    }
  }

  double Predict(const std::vector<double>& features) const {
    double sum = 0;
    for (size_t i = 0; i < size_; ++i) sum += weights_[i] * features[i];
    return sum;
  }

 private:
  size_t size_;
  std::vector<double> gram_;
  std::vector<double> moments_;
  std::vector<double> weights_;
};

}  // namespace millrace
