// SPDX-License-Identifier: Apache-2.0
// The detectors that need no reference: Page-Hinkley and ADWIN.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "client/drift/adwin.h"
#include "client/drift/page_hinkley.h"

namespace millrace {
namespace {

TEST(PageHinkley, IsTheSumsRiseAboveItsLeast) {
  // As Page and Hinkley write it: m(t) = sum of (x - mean so far - delta); alarm on m(t) - min m.
  const PageHinkley::Parameters parameters{.delta = 0.1, .lambda = 8, .at_least = 1};
  PageHinkley detector(parameters);
  Random random(3);
  double mean = 0;
  double up = 0;
  double least_up = 0;
  double down = 0;
  double least_down = 0;
  for (int t = 1; t <= 2000; ++t) {
    const double x = random.Normal() + (t > 1500 ? 0.4 : 0);
    mean += (x - mean) / t;
    up += x - mean - parameters.delta;
    down += mean - x - parameters.delta;
    least_up = std::min(least_up, up);
    least_down = std::min(least_down, down);
    const double rise = std::max(up - least_up, down - least_down);
    EXPECT_EQ(detector.Add(x), rise > parameters.lambda) << t;
    EXPECT_NEAR(detector.sum(), rise, 1e-9);
  }
}

TEST(PageHinkley, IsSilentOnNormalValuesWithoutAReference) {
  Random random(4);
  PageHinkley detector({});
  for (int i = 0; i < 500'000; ++i) ASSERT_FALSE(detector.Add(1000 + random.Normal())) << i;
}

TEST(PageHinkley, FindsAShiftInTheTimeThatItsSumTakes) {
  double delay = 0;
  constexpr int kRuns = 200;
  for (int run = 0; run < kRuns; ++run) {
    Random random(run);
    PageHinkley detector({});
    for (int i = 0; i < 3600; ++i) ASSERT_FALSE(detector.Add(random.Normal()));
    int steps = 0;
    do {
      ++steps;
    } while (!detector.Add(random.Normal() - 1) && steps < 1000);
    delay += steps;
  }
  // lambda / (shift - delta) = 67, less what the sum had, more what the mean follows.
  EXPECT_NEAR(delay / kRuns, 67, 5);
}

TEST(PageHinkley, WhatIsNotFiniteIsPassedOver) {
  PageHinkley detector({});
  detector.Add(1);
  detector.Add(std::nan(""));
  detector.Add(std::numeric_limits<double>::infinity());
  EXPECT_EQ(detector.mean(), 1);
  detector.Reset();
  EXPECT_EQ(detector.mean(), 0);
}

TEST(Adwin, KeepsEverythingWhileNothingChanges) {
  Adwin adwin({});
  Random random(5);
  for (int i = 0; i < 50'000; ++i) adwin.Add(random.Normal());
  EXPECT_EQ(adwin.size(), 50'000);
  EXPECT_NEAR(adwin.mean(), 0, 0.02);
  EXPECT_NEAR(adwin.variance(), 1, 0.03);
}

TEST(Adwin, MomentsAreThoseOfTheWindow) {
  Adwin adwin({.check_every = 1 << 30});
  Random random(6);
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) {
    values.push_back(random.Normal());
    adwin.Add(values.back());
  }
  double mean = 0;
  for (const double value : values) mean += value / 1000;
  double variance = 0;
  for (const double value : values) variance += (value - mean) * (value - mean) / 1000;
  EXPECT_NEAR(adwin.mean(), mean, 1e-12);
  EXPECT_NEAR(adwin.variance(), variance, 1e-12);
}

TEST(Adwin, MemoryGrowsWithTheLogarithm) {
  Adwin adwin({});
  for (int i = 0; i < 100'000; ++i) adwin.Add(0);
  EXPECT_EQ(adwin.size(), 100'000);
  EXPECT_LE(adwin.buckets(), 5 * 17) << "at most five of each size up to 2^16";
}

// Theorem 3.1, 1: the chance of a cut is at most delta at each check. The paper's own table has
// bits with stationary probabilities.
TEST(Adwin, FalseCutsStayBelowDelta) {
  for (const double delta : {0.3, 0.05, 0.002}) {
    for (const double probability : {0.05, 0.2, 0.5}) {
      int64_t cuts = 0;
      int64_t checks = 0;
      for (uint64_t run = 0; run < 5; ++run) {
        Adwin adwin({.delta = delta, .range = 2, .check_every = 8});
        Random random(run + 1);
        for (int i = 1; i <= 10'000; ++i) {
          cuts += adwin.Add(random.Uniform() < probability ? 1 : 0) ? 1 : 0;
        }
        checks += 10'000 / 8;
      }
      EXPECT_LE(static_cast<double>(cuts), delta * static_cast<double>(checks) * 0.5) << delta;
    }
  }
}

// Theorem 3.1, 2: once the means differ by more than twice the cut's bound, the older part goes.
TEST(Adwin, DropsWhatWasBeforeAShift) {
  double delay = 0;
  constexpr int kRuns = 50;
  for (int run = 0; run < kRuns; ++run) {
    Adwin adwin({});
    Random random(run + 1);
    for (int i = 0; i < 3600; ++i) adwin.Add(random.Normal());
    int steps = 0;
    bool cut = false;
    while (!cut && steps < 5000) {
      ++steps;
      cut = adwin.Add(1 + random.Normal());
    }
    delay += steps;
    for (int i = 0; i < 2000; ++i) adwin.Add(1 + random.Normal());
    EXPECT_NEAR(adwin.mean(), 1, 0.15);
    EXPECT_LE(adwin.size(), steps + 2000 + 256) << "a bucket may straddle the shift";
  }
  // Solving epsilon_cut = 1 for the newer part gives 104 values; the random walk and the checks of
  // every 32 values add their own.
  EXPECT_NEAR(delay / kRuns, 104, 45);
}

TEST(Adwin, AbsurdValuesCountAsTheBound) {
  Adwin adwin({});
  for (int i = 0; i < 100; ++i) adwin.Add(1e300);
  EXPECT_EQ(adwin.mean(), 4);
  adwin.Add(std::nan(""));
  adwin.Add(-std::numeric_limits<double>::infinity());
  EXPECT_EQ(adwin.size(), 100);
}

}  // namespace
}  // namespace millrace
