// SPDX-License-Identifier: Apache-2.0
// Polynomials over a prime field, as far as secret sharing needs them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace millrace {

/// sum_k coefficients[k] x^k, by Horner's rule.
template <typename Field>
uint64_t EvaluatePolynomial(std::span<const uint64_t> coefficients, uint64_t x) {
  uint64_t value = 0;
  for (size_t k = coefficients.size(); k-- > 0;) {
    value = Field::Add(Field::Mul(value, x), coefficients[k]);
  }
  return value;
}

/// The value at zero of polynomials that are known at a fixed set of points:
///   f(0) = sum_j f(x_j) lambda_j,  lambda_j = prod_{m != j} x_m / (x_m - x_j)
/// for every f of degree below the number of points (Lagrange). Costs t^2 multiplications and t
/// inversions to prepare for t points, then t multiplications per polynomial.
template <typename Field>
class LagrangeAtZero {
 public:
  /// INVALID_ARGUMENT, naming the place, for points that are zero, outside the field or there
  /// twice, and for none at all.
  static absl::StatusOr<LagrangeAtZero> Create(std::span<const uint64_t> points) {
    if (points.empty()) return absl::InvalidArgumentError("no points");
    for (size_t j = 0; j < points.size(); ++j) {
      if (points[j] == 0 || points[j] >= Field::kPrime) {
        return absl::InvalidArgumentError(
            absl::StrCat("point ", j, " = ", points[j], ": must be from 1 to ", Field::kPrime - 1));
      }
    }
    std::vector<uint64_t> coefficients;
    for (size_t j = 0; j < points.size(); ++j) {
      uint64_t numerator = 1, denominator = 1;
      for (size_t m = 0; m < points.size(); ++m) {
        if (m == j) continue;
        if (points[m] == points[j]) {
          return absl::InvalidArgumentError(
              absl::StrCat("points ", j, " and ", m, " are both ", points[j]));
        }
        numerator = Field::Mul(numerator, points[m]);
        denominator = Field::Mul(denominator, Field::Sub(points[m], points[j]));
      }
      coefficients.push_back(Field::Mul(numerator, Field::Inverse(denominator)));
    }
    return LagrangeAtZero(std::move(coefficients));
  }

  size_t points() const { return coefficients_.size(); }

  /// f(0), given f at each point.
  uint64_t Interpolate(std::span<const uint64_t> values) const {
    MR_CHECK(values.size() == coefficients_.size());
    uint64_t sum = 0;
    for (size_t j = 0; j < values.size(); ++j) {
      sum = Field::Add(sum, Field::Mul(coefficients_[j], values[j]));
    }
    return sum;
  }

 private:
  explicit LagrangeAtZero(std::vector<uint64_t> coefficients)
      : coefficients_(std::move(coefficients)) {}

  std::vector<uint64_t> coefficients_;
};

}  // namespace millrace
