// SPDX-License-Identifier: Apache-2.0
#include "client/drift/cusum.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "base/random.h"

namespace millrace {
namespace {

/// Mean values until the alarm over `runs` seeded runs of normal values.
double SimulatedRunLength(Cusum::Parameters parameters, double shift, int runs, uint64_t seed) {
  Random random(seed);
  int64_t values = 0;
  for (int run = 0; run < runs; ++run) {
    Cusum cusum(parameters);
    do {
      ++values;
    } while (cusum.Add(shift + random.Normal()) == Shift::kNone);
  }
  return static_cast<double>(values) / runs;
}

double NormalDistribution(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }

/// The run length of one side as a Markov chain over `states` values of the sum (Brook and Evans
/// 1972), solved by elimination.
double MarkovRunLength(double k, double h, double shift, int states) {
  const double width = 2 * h / (2 * states - 1);
  const int n = states;
  std::vector<double> a(n * (n + 1));
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      const double centre = (j - i) * width + k - shift;
      const double upper = NormalDistribution(centre + width / 2);
      const double to = j == 0 ? upper : upper - NormalDistribution(centre - width / 2);
      a[i * (n + 1) + j] = (i == j ? 1 : 0) - to;
    }
    a[i * (n + 1) + n] = 1;
  }
  for (int pivot = n - 1; pivot > 0; --pivot) {  // upward, so that row 0 is left with its answer
    for (int i = 0; i < pivot; ++i) {
      const double factor = a[i * (n + 1) + pivot] / a[pivot * (n + 1) + pivot];
      for (int j = 0; j < pivot; ++j) a[i * (n + 1) + j] -= factor * a[pivot * (n + 1) + j];
      a[i * (n + 1) + n] -= factor * a[pivot * (n + 1) + n];
    }
  }
  return a[n] / a[0];
}

TEST(Cusum, SumsWhatIsBeyondTheAllowance) {
  Cusum cusum({.k = 0.5, .h = 4});
  EXPECT_EQ(cusum.Add(1.5), Shift::kNone);
  EXPECT_EQ(cusum.Add(2.5), Shift::kNone);
  EXPECT_DOUBLE_EQ(cusum.up(), 3);
  EXPECT_DOUBLE_EQ(cusum.ShiftEstimate(), 2);
  EXPECT_EQ(cusum.Add(1.5), Shift::kNone) << "the limit itself is no alarm";
  EXPECT_EQ(cusum.Add(0.6), Shift::kUp);
  cusum.Reset();
  EXPECT_EQ(cusum.Add(-9), Shift::kDown);
  EXPECT_DOUBLE_EQ(cusum.down(), 8.5);
  EXPECT_DOUBLE_EQ(cusum.ShiftEstimate(), -9);
}

TEST(Cusum, WhatIsNotFiniteIsPassedOver) {
  Cusum cusum({.k = 0.5, .h = 4});
  cusum.Add(2);
  for (const double value : {std::nan(""), std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(cusum.Add(value), Shift::kNone);
  }
  EXPECT_DOUBLE_EQ(cusum.up(), 1.5);
}

// Montgomery, Introduction to Statistical Quality Control, table 9.3: k = 1/2.
constexpr struct {
  double shift, h4, h5;
} kTable[] = {{0, 168, 465},   {0.25, 74.2, 139}, {0.5, 26.6, 38.0}, {0.75, 13.3, 17.0},
              {1, 8.38, 10.4}, {1.5, 4.75, 5.75}, {2, 3.34, 4.01},   {3, 2.19, 2.57}};

TEST(Cusum, SimulatedRunLengthsAreThePublishedOnes) {
  for (const auto& row : kTable) {
    EXPECT_NEAR(SimulatedRunLength({0.5, 4}, row.shift, 10'000, 7) / row.h4, 1, 0.04) << row.shift;
    EXPECT_NEAR(SimulatedRunLength({0.5, 5}, row.shift, 10'000, 8) / row.h5, 1, 0.04) << row.shift;
  }
}

TEST(Cusum, SiegmundsApproximationIsNearThePublishedRunLengths) {
  for (const auto& row : kTable) {
    if (row.shift > 1.5) continue;  // beyond, whole values weigh more than its limit can tell
    EXPECT_NEAR(CusumRunLength({0.5, 4}, row.shift) / row.h4, 1, 0.04) << row.shift;
    EXPECT_NEAR(CusumRunLength({0.5, 5}, row.shift) / row.h5, 1, 0.04) << row.shift;
    EXPECT_DOUBLE_EQ(CusumRunLength({0.5, 5}, row.shift), CusumRunLength({0.5, 5}, -row.shift));
  }
}

TEST(Cusum, MarkovChainAgreesWithSiegmundForTheDefaultLimit) {
  EXPECT_NEAR(MarkovRunLength(0.5, 5, 0, 200) / 2, 465, 3);
  const double chain = MarkovRunLength(0.5, 19.4, 0, 400) / 2;
  EXPECT_NEAR(CusumRunLength({}, 0) / chain, 1, 0.03);
}

TEST(Cusum, DefaultLimitIsOneFalseAlarmADayOver10000SensorsAt1Hz) {
  EXPECT_NEAR(10'000 * 86'400 / CusumRunLength({}, 0), 1, 0.05);
}

TEST(Cusum, DefaultLimitIsSilentOverAMillionNormalValues) {
  Random random(11);
  Cusum cusum({});
  for (int i = 0; i < 1'000'000; ++i) ASSERT_EQ(cusum.Add(random.Normal()), Shift::kNone) << i;
}

TEST(Cusum, DelayAfterAShiftIsSiegmunds) {
  for (const double shift : {0.75, 1.0, 2.0, -1.0}) {
    const double theory = CusumRunLength({}, shift);
    EXPECT_NEAR(SimulatedRunLength({}, shift, 2000, 12) / theory, 1, 0.04) << shift;
  }
}

}  // namespace
}  // namespace millrace
