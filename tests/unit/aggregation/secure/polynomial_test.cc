// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/polynomial.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "aggregation/secure/prime_field.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using testing::IsStatus;
using Elements = std::vector<uint64_t>;

// 1234 + 166 x + 94 x^2 modulo 1613: small enough for paper and pencil.
using Field1613 = PrimeField<1613>;
const Elements kCoefficients = {1234, 166, 94};
const Elements kPoints = {1, 2, 3, 4};
const Elements kValues = {1494, 329, 965, 176};

TEST(PolynomialTest, ValuesAreThoseWorkedOutByHand) {
  for (size_t j = 0; j < kPoints.size(); ++j) {
    EXPECT_EQ(EvaluatePolynomial<Field1613>(kCoefficients, kPoints[j]), kValues[j]) << kPoints[j];
  }
  EXPECT_EQ(EvaluatePolynomial<Field1613>(kCoefficients, 0), 1234u);
  EXPECT_EQ(EvaluatePolynomial<Field1613>({}, 5), 0u);
}

TEST(PolynomialTest, AnyThreeValuesGiveTheConstantWorkedOutByHand) {
  for (size_t left_out = 0; left_out < kPoints.size(); ++left_out) {
    Elements points = kPoints, values = kValues;
    points.erase(points.begin() + left_out);
    values.erase(values.begin() + left_out);
    MR_ASSERT_OK_AND_ASSIGN(const auto lagrange, LagrangeAtZero<Field1613>::Create(points));
    EXPECT_EQ(lagrange.points(), 3u);
    EXPECT_EQ(lagrange.Interpolate(values), 1234u) << "without point " << points[left_out];
  }
}

// Why shares below the threshold are worthless: they leave every secret equally likely.
TEST(PolynomialTest, TwoValuesOfAParabolaFitEveryConstantExactlyOnce) {
  constexpr uint64_t kPrime = 13;
  using Field = PrimeField<kPrime>;
  // fitting[v][w][c]: polynomials with constant c that are v at 2 and w at 5.
  std::array<std::array<std::array<int, kPrime>, kPrime>, kPrime> fitting{};
  for (uint64_t c = 0; c < kPrime; ++c) {
    for (uint64_t b = 0; b < kPrime; ++b) {
      for (uint64_t a = 0; a < kPrime; ++a) {
        const Elements coefficients = {c, b, a};
        const uint64_t v = EvaluatePolynomial<Field>(coefficients, 2);
        const uint64_t w = EvaluatePolynomial<Field>(coefficients, 5);
        ++fitting[v][w][c];
      }
    }
  }
  for (const auto& of_first : fitting) {
    for (const auto& of_both : of_first) EXPECT_THAT(of_both, Each(1));
  }
}

TEST(PolynomialTest, PointsThatAreZeroTwiceTooLargeOrMissingAreRefused) {
  const auto refused = [](const Elements& points, const char* why) {
    EXPECT_THAT(LagrangeAtZero<Field1613>::Create(points),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused({1, 0, 3}, "point 1 = 0");
  refused({7, 2, 3, 7}, "points 0 and 3 are both 7");
  refused({1, 1613}, "point 1 = 1613");
  refused({}, "no points");
}

}  // namespace
}  // namespace millrace
