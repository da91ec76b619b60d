// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace millrace {

/// Logarithms of binomial coefficients, within 5e-9 for n up to a million.
class LogBinomials {
 public:
  /// For n up to `largest`; takes 8 bytes for each.
  explicit LogBinomials(int64_t largest);

  /// ln C(n, k), 0 <= k <= n <= largest.
  double operator()(int64_t n, int64_t k) const;

 private:
  std::vector<double> log_factorials_;
};

/// How many marked ones are among `drawn` of `population` when `marked` of them are marked:
///   P[X = x] = C(marked, x) C(population - marked, drawn - x) / C(population, drawn).
class Hypergeometric {
 public:
  /// Borrows `binomials`, which reaches to `population`.
  Hypergeometric(const LogBinomials& binomials, int64_t population, int64_t marked, int64_t drawn);

  int64_t smallest() const;
  int64_t largest() const;
  /// P[X = x]; 0 outside smallest() to largest().
  double Probability(int64_t x) const;
  /// P[X < x], each term exact to rounding however small.
  double Below(int64_t x) const;

 private:
  const LogBinomials& binomials_;
  int64_t population_;
  int64_t marked_;
  int64_t drawn_;
};

}  // namespace millrace
