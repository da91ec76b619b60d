// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace millrace {
namespace {

using ::testing::ElementsAre;

// The authors' xoshiro256starstar.c, its state filled by their splitmix64.c from the seed
// (prng.di.unimi.it).
TEST(RandomTest, MatchesTheReferenceForSeed0) {
  Random random(0);
  const std::vector<uint64_t> first = {random.Next(), random.Next(), random.Next(),
                                       random.Next(), random.Next(), random.Next()};
  EXPECT_THAT(first, ElementsAre(0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0,
                                 0x6aa594f1262d2d2c, 0xbba5ad4a1f842e59, 0xffef8375d9ebcaca));
}

TEST(RandomTest, MatchesTheReferenceForSeed42) {
  Random random(42);
  const std::vector<uint64_t> first = {random.Next(), random.Next(), random.Next(),
                                       random.Next(), random.Next(), random.Next()};
  EXPECT_THAT(first, ElementsAre(0x15780b2e0c2ec716, 0x6104d9866d113a7e, 0xae17533239e499a1,
                                 0xecb8ad4703b360a1, 0xfde6dc7fe2ec5e64, 0xc50da53101795238));
}

TEST(RandomTest, UniformIsTheTop53Bits) {
  // 0x99ec5f36cb75f2b4 >> 11 = 0x133d8be6d96ebe
  EXPECT_EQ(Random(0).Uniform(), static_cast<double>(0x133d8be6d96ebe) / 9007199254740992.0);
}

TEST(RandomTest, UniformStaysInTheHalfOpenIntervalWithTheRightMoments) {
  constexpr int kDraws = 1'000'000;
  Random random(7);
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.Uniform();
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    sum += x;
    squares += x * x;
  }
  // Five standard errors: deviations 1/sqrt(12) of x and 2/sqrt(45) of x^2, over sqrt(10^6).
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * 0.2887e-3);
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 5 * 0.2981e-3);
}

TEST(RandomTest, NormalHasTheMomentsAndTheTailsOfTheNormalDistribution) {
  constexpr int kDraws = 1'000'000;
  Random random(11);
  double sum = 0, squares = 0, fourths = 0;
  int beyond_two = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.Normal();
    sum += x;
    squares += x * x;
    fourths += x * x * x * x;
    beyond_two += std::abs(x) > 2;
  }
  // Five standard errors; Var x^2 = 2, Var x^4 = 105 - 9, P(|x| > 2) = 0.0455.
  EXPECT_NEAR(sum / kDraws, 0, 5e-3);
  EXPECT_NEAR(squares / kDraws, 1, 5 * std::sqrt(2.0) * 1e-3);
  EXPECT_NEAR(fourths / kDraws, 3, 5 * std::sqrt(96.0) * 1e-3);
  EXPECT_NEAR(static_cast<double>(beyond_two) / kDraws, 0.0455003, 5 * 0.2084e-3);
}

TEST(RandomTest, NormalDrawsDoNotRepeatInPairs) {
  Random random(3);
  constexpr int kPairs = 100'000;
  double product = 0;
  for (int i = 0; i < kPairs; ++i) {
    const double first = random.Normal();
    product += first * random.Normal();
  }
  EXPECT_NEAR(product / kPairs, 0, 5 / std::sqrt(kPairs));
}

TEST(RandomTest, BelowIsUniformOverItsBound) {
  constexpr int kBound = 10, kDraws = 1'000'000;
  Random random(5);
  std::vector<int> counts(kBound);
  for (int i = 0; i < kDraws; ++i) ++counts.at(random.Below(kBound));
  double chi_squared = 0;
  for (const int count : counts) {
    const double off = count - kDraws / kBound;
    chi_squared += off * off / (static_cast<double>(kDraws) / kBound);
  }
  EXPECT_LT(chi_squared, 33.72);  // 9 degrees of freedom, p = 10^-4
}

TEST(RandomTest, BelowIsUnbiasedForABoundThatNearlyFillsTheRange) {
  // For a bound of 3/4 of 2^64 the plain multiplication would favour every third value: the draws
  // below a third of the bound would be no third of all.
  constexpr uint64_t kBound = uint64_t{3} << 62;
  constexpr int kDraws = 300'000;
  Random random(6);
  int divisible = 0;
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t draw = random.Below(kBound);
    ASSERT_LT(draw, kBound);
    divisible += draw % 3 == 0;
  }
  EXPECT_NEAR(static_cast<double>(divisible) / kDraws, 1.0 / 3, 5 * 0.4714 / std::sqrt(kDraws));
}

TEST(RandomTest, BelowOneIsZero) {
  Random random(1);
  EXPECT_EQ(random.Below(1), 0u);
}

TEST(RandomTest, ForkDoesNotDependOnHowMuchWasUsed) {
  Random used(9);
  for (int i = 0; i < 100; ++i) used.Normal();
  EXPECT_EQ(used.Fork("batches").Next(), Random(9).Fork("batches").Next());
}

TEST(RandomTest, ForksDifferByLabelBySeedAndFromTheirParent) {
  const std::vector<uint64_t> firsts = {Random(9).Next(), Random(9).Fork("a").Next(),
                                        Random(9).Fork("b").Next(), Random(10).Fork("a").Next(),
                                        Random(9).Fork("").Next()};
  for (size_t i = 0; i < firsts.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(firsts[i], firsts[j]) << i << ", " << j;
  }
}

TEST(RandomTest, ShuffleKeepsTheElements) {
  std::vector<int> values(100);
  std::iota(values.begin(), values.end(), 0);
  const std::vector<int> sorted = values;
  Random random(2);
  random.Shuffle(std::span(values));
  EXPECT_NE(values, sorted);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, sorted);
}

TEST(RandomTest, ShuffleMakesEveryOrderEquallyLikely) {
  constexpr int kDraws = 600'000;
  Random random(4);
  std::vector<int> counts(6);
  for (int i = 0; i < kDraws; ++i) {
    std::vector<int> v = {0, 1, 2};
    random.Shuffle(std::span(v));
    ++counts[v[0] * 2 + (v[1] > v[2])];
  }
  double chi_squared = 0;
  for (const int count : counts) chi_squared += std::pow(count - kDraws / 6, 2) / (kDraws / 6.0);
  EXPECT_LT(chi_squared, 25.74);  // 5 degrees of freedom, p = 10^-4
}

}  // namespace
}  // namespace millrace
