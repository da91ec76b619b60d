// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/hypergeometric.h"

#include <gtest/gtest.h>

#include <cmath>

namespace millrace {
namespace {

using Integer = unsigned __int128;

// Exactly, by Pascal's rule in a row; n <= 60 keeps products of two within 128 bits.
Integer Binomial(int n, int k) {
  if (k < 0 || k > n) return 0;
  Integer result = 1;
  for (int i = 1; i <= k; ++i) result = result * (n - k + i) / i;
  return result;
}

TEST(HypergeometricTest, ProbabilitiesAndTailsAreRatiosOfWholeNumbers) {
  const LogBinomials binomials(60);
  for (const int population : {1, 2, 7, 20, 60}) {
    for (int marked = 0; marked <= population; marked += 1 + population / 9) {
      for (int drawn = 0; drawn <= population; drawn += 1 + population / 9) {
        const Hypergeometric distribution(binomials, population, marked, drawn);
        const auto all = static_cast<double>(Binomial(population, drawn));
        double below = 0;
        for (int x = -1; x <= population + 1; ++x) {
          const double expected =
              static_cast<double>(Binomial(marked, x) * Binomial(population - marked, drawn - x)) /
              all;
          ASSERT_NEAR(distribution.Probability(x), expected, 1e-12 * expected)
              << x << " of " << population << ", " << marked << ", " << drawn;
          ASSERT_NEAR(distribution.Below(x), below, 1e-12 * below);
          below += expected;
        }
        EXPECT_NEAR(distribution.Below(population + 1), 1, 1e-12);
      }
    }
  }
}

// Against Stirling's series, which has an error of about 1 / (1260 n^5).
TEST(HypergeometricTest, LogarithmsStayExactForAMillion) {
  constexpr int64_t kLargest = 1'000'000;
  const LogBinomials binomials(kLargest);
  const auto log_factorial = [](long double n) {
    return n * std::log(n) - n + std::log(2 * std::acos(-1.0L) * n) / 2 + 1 / (12 * n) -
           1 / (360 * n * n * n);
  };
  for (const int64_t k : {1000, 77'777, 500'000}) {
    const long double expected =
        log_factorial(kLargest) - log_factorial(k) - log_factorial(kLargest - k);
    EXPECT_NEAR(binomials(kLargest, k), static_cast<double>(expected), 5e-9) << k;
  }
}

TEST(HypergeometricTest, TailsFarBelowADoublesEpsilonAreExact) {
  // Drawing exactly the 30 marked ones of 60: 1 / C(60, 30).
  const LogBinomials binomials(60);
  const Hypergeometric distribution(binomials, 60, 30, 30);
  const double expected = 1 / static_cast<double>(Binomial(60, 30));
  EXPECT_NEAR(distribution.Below(1), expected, 1e-12 * expected);
  EXPECT_NEAR(distribution.Probability(30), expected, 1e-12 * expected);
}

}  // namespace
}  // namespace millrace
