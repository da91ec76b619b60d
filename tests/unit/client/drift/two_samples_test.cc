// SPDX-License-Identifier: Apache-2.0
#include "client/drift/two_samples.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/random.h"

namespace millrace {
namespace {

std::vector<float> NormalSample(Random& random, int n, double mean = 0) {
  std::vector<float> sample;
  for (int i = 0; i < n; ++i) sample.push_back(static_cast<float>(mean + random.Normal()));
  std::sort(sample.begin(), sample.end());
  return sample;
}

// Smirnov, Table for estimating the goodness of fit of empirical distributions (1948).
TEST(KolmogorovTail, IsThePublishedDistribution) {
  EXPECT_NEAR(KolmogorovTail(0.5), 1 - 0.036055, 1e-6);
  EXPECT_NEAR(KolmogorovTail(0.8), 1 - 0.455857, 1e-6);
  EXPECT_NEAR(KolmogorovTail(1.0), 1 - 0.730000, 1e-6);
  EXPECT_NEAR(KolmogorovTail(1.2), 1 - 0.887750, 1e-6);
  EXPECT_NEAR(KolmogorovTail(1.3581), 0.05, 1e-5);
  EXPECT_NEAR(KolmogorovTail(1.6276), 0.01, 1e-5);
  EXPECT_NEAR(KolmogorovTail(1.9495), 0.001, 1e-6);
  EXPECT_NEAR(KolmogorovTail(1.18 - 1e-9), KolmogorovTail(1.18 + 1e-9), 1e-8);
  EXPECT_EQ(KolmogorovTail(0), 1);
  EXPECT_EQ(KolmogorovTail(40), 0);
}

TEST(KolmogorovSmirnov, IsTheLargestDistance) {
  const std::vector<float> a = {1, 2, 3, 4};
  EXPECT_EQ(KolmogorovSmirnov(a, a), 0);
  EXPECT_EQ(KolmogorovSmirnov(a, std::vector<float>{5, 6}), 1);
  EXPECT_EQ(KolmogorovSmirnov(a, std::vector<float>{3, 4, 5, 6}), 0.5);
  EXPECT_EQ(KolmogorovSmirnov(std::vector<float>{1, 1, 1, 2}, std::vector<float>{1, 2, 2, 2}), 0.5)
      << "with ties";
}

TEST(KolmogorovSmirnov, PIsUniformWithoutAChange) {
  Random random(9);
  int below_5 = 0;
  int below_1 = 0;
  constexpr int kRuns = 4000;
  for (int run = 0; run < kRuns; ++run) {
    const auto a = NormalSample(random, 256);
    const auto b = NormalSample(random, 300);
    const double p = KolmogorovSmirnovP(KolmogorovSmirnov(a, b), 256, 300);
    below_5 += p < 0.05 ? 1 : 0;
    below_1 += p < 0.01 ? 1 : 0;
  }
  EXPECT_NEAR(below_5 / static_cast<double>(kRuns), 0.05, 0.012);
  EXPECT_NEAR(below_1 / static_cast<double>(kRuns), 0.01, 0.005);
}

TEST(KolmogorovSmirnov, FindsHalfADeviationInFiveMinutes) {
  Random random(10);
  int found = 0;
  for (int run = 0; run < 200; ++run) {
    const auto a = NormalSample(random, 256);
    const auto b = NormalSample(random, 300, 0.5);
    found += KolmogorovSmirnovP(KolmogorovSmirnov(a, b), 256, 300) < 1e-3 ? 1 : 0;
  }
  EXPECT_GE(found, 180);
}

TEST(StabilityIndex, IsTheSumOverItsBins) {
  // Two bins of half each, edge at 2; of the values 1 of 4 is in the first.
  const StabilityIndex index(std::vector<float>{1, 2, 3, 4}, 2);
  ASSERT_EQ(index.bins(), 2);
  const double first = 1.5 / 5;
  EXPECT_NEAR(index.Of(std::vector<float>{0, 5, 6, 7}),
              (first - 0.5) * std::log(first / 0.5) + (0.5 - first) * std::log((1 - first) / 0.5),
              1e-12);
  EXPECT_EQ(index.Of(std::vector<float>{1, 2, 3, 4}), 0);
}

// Yurdakul, Statistical Properties of Population Stability Index (2018): (bins - 1)(1/n + 1/m).
TEST(StabilityIndex, WithoutAChangeItIsWhatChanceGives) {
  Random random(11);
  double sum = 0;
  constexpr int kRuns = 500;
  for (int run = 0; run < kRuns; ++run) {
    const StabilityIndex index(NormalSample(random, 1000));
    sum += index.Of(NormalSample(random, 500));
  }
  EXPECT_NEAR(sum / kRuns / (9 * (1.0 / 1000 + 1.0 / 500)), 1, 0.1);
}

// For a shift of d deviations both directed divergences are d^2 / 2; bins lose little of it.
TEST(StabilityIndex, GrowsWithTheSquareOfAShift) {
  Random random(12);
  const StabilityIndex index(NormalSample(random, 100'000));
  EXPECT_NEAR(index.Of(NormalSample(random, 100'000, 0.5)), 0.25, 0.03);
  EXPECT_NEAR(index.Of(NormalSample(random, 100'000, 1)), 1, 0.15);
}

TEST(StabilityIndex, ConstantReferenceHasTwoBins) {
  const StabilityIndex index(std::vector<float>(100, 3));
  EXPECT_EQ(index.bins(), 2);
  EXPECT_EQ(index.Of(std::vector<float>(100, 3)), 0);
  EXPECT_GT(index.Of(std::vector<float>(100, 4)), 1);
}

}  // namespace
}  // namespace millrace
