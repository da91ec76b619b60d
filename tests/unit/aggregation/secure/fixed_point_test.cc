// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/fixed_point.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using testing::IsStatus;

constexpr int kWidths[] = {16, 24, 32};

std::vector<uint32_t> RandomWords(Random& random, size_t count) {
  std::vector<uint32_t> words(count);
  for (uint32_t& word : words) word = static_cast<uint32_t>(random.Next() >> 32);
  return words;
}

std::vector<uint32_t> EncodingOf(const FixedPoint& fixed_point, const std::vector<float>& x,
                                 double share, const std::vector<uint32_t>& random) {
  std::vector<uint32_t> out(x.size());
  EXPECT_TRUE(fixed_point.Encode(x, share, random, out));
  return out;
}

// The extremes of what one site can send, n times over.
void ExpectNoOverflow(int bits, int64_t sites, double bound) {
  MR_ASSERT_OK_AND_ASSIGN(const FixedPoint fixed_point, FixedPoint::Create(bits, sites, bound));
  const auto c = static_cast<float>(bound);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {c,
                                -c,
                                std::nextafter(c, 0.0F),
                                std::nextafter(c, kInfinity),
                                std::nextafter(-c, 0.0F),
                                std::nextafter(-c, -kInfinity),
                                std::numeric_limits<float>::max(),
                                std::numeric_limits<float>::lowest()};
  const int64_t largest = (int64_t{1} << (bits - 1)) - 1;
  for (const double share : {1.0, std::nextafter(1.0, 0.0), 0.7}) {
    for (const uint32_t word : {0U, 0xffffffffU}) {  // away from zero if at all, and never
      for (const uint32_t value :
           EncodingOf(fixed_point, x, share, std::vector<uint32_t>(x.size(), word))) {
        const int64_t sum = sites * static_cast<int32_t>(value);
        ASSERT_LE(std::abs(sum), largest)
            << bits << " bits, " << sites << " sites, bound " << bound << ", share " << share;
      }
    }
  }
}

TEST(FixedPointTest, TheSumOfExtremesNeverWrapsAroundWhateverTheBound) {
  for (const int bits : kWidths) {
    for (const double bound : {1e-30, 1e-6, 0.3, 1.0, 7.0, 1e4, 1e30}) {
      for (int64_t sites = 1; sites <= 1000; sites += sites < 20 ? 1 : 49) {
        ExpectNoOverflow(bits, sites, bound);
      }
    }
  }
}

TEST(FixedPointTest, TheBoundUsesTheWholeRing) {
  MR_ASSERT_OK_AND_ASSIGN(const FixedPoint fixed_point, FixedPoint::Create(16, 10, 0.5));
  // floor(32767 / 10) steps for 0.5.
  EXPECT_THAT(EncodingOf(fixed_point, {0.5F, 100.0F}, 1, {0, 1}), Each(3276u));
  EXPECT_THAT(EncodingOf(fixed_point, {-0.5F, -100.0F}, 1, {0, 1}), Each(-3276u));
  EXPECT_THAT(EncodingOf(fixed_point, {0.25F}, 0.5, {0}), Each(819u));
}

TEST(FixedPointTest, TheRandomWordIsComparedWithTheFraction) {
  MR_ASSERT_OK_AND_ASSIGN(const FixedPoint fixed_point, FixedPoint::Create(16, 1, 32767));
  // One step is 1: 2.25 goes up for a quarter of all words, -2.25 goes down for as many.
  const std::vector<uint32_t> words = {0, 0x3fffffff, 0x40000000, 0xffffffff};
  EXPECT_EQ(EncodingOf(fixed_point, std::vector<float>(4, 2.25F), 1, words),
            (std::vector<uint32_t>{3, 3, 2, 2}));
  EXPECT_EQ(EncodingOf(fixed_point, std::vector<float>(4, -2.25F), 1, words),
            (std::vector<uint32_t>{-3u, -3u, -2u, -2u}));
  EXPECT_THAT(EncodingOf(fixed_point, std::vector<float>(4, 5.0F), 1, words), Each(5u));
}

// The mean of a million roundings has a standard deviation of at most 0.0005 steps; beyond five of
// them in one of the 27 cases for one seed in 60,000.
TEST(FixedPointTest, RoundingIsUnbiased) {
  constexpr size_t kDraws = 1'000'000;
  Random random(1);
  for (const int bits : kWidths) {
    MR_ASSERT_OK_AND_ASSIGN(const FixedPoint fixed_point, FixedPoint::Create(bits, 3, 2));
    const double steps = std::floor((std::ldexp(1, bits - 1) - 1) / 3) / 2;
    for (const float x : {-1.7F, -0.1F, -1e-5F, 0.0F, 1e-4F, 0.37F, 1.0F, 1.5F, 1.999F}) {
      double sum = 0;
      for (const uint32_t value : EncodingOf(fixed_point, std::vector<float>(kDraws, x), 0.9,
                                             RandomWords(random, kDraws))) {
        sum += static_cast<int32_t>(value);
      }
      EXPECT_NEAR(sum / kDraws, steps * 0.9 * x, 0.0025) << bits << " bits, " << x;
    }
  }
}

TEST(FixedPointTest, OneSitesUpdateComesBackWithinAStep) {
  constexpr double kBound = 3;
  Random random(2);
  for (const int bits : kWidths) {
    for (const double share : {1.0, 0.01}) {
      MR_ASSERT_OK_AND_ASSIGN(const FixedPoint fixed_point, FixedPoint::Create(bits, 1, kBound));
      std::vector<float> x(1003), mean(x.size());
      for (float& value : x) value = static_cast<float>(2 * random.Normal());
      fixed_point.Decode(EncodingOf(fixed_point, x, share, RandomWords(random, x.size())), share,
                         mean);
      for (size_t i = 0; i < x.size(); ++i) {
        const double clipped = std::clamp<double>(x[i], -kBound, kBound);
        const double rounding = std::abs(mean[i]) * 0x1p-24;  // of the mean, to float32
        ASSERT_LE(std::abs(mean[i] - clipped), fixed_point.WorstError(share) + rounding)
            << bits << " bits, share " << share << ", " << x[i];
      }
    }
  }
}

TEST(FixedPointTest, OnlyTheLowerBitsOfASumCount) {
  std::vector<float> mean(2);
  MR_ASSERT_OK_AND_ASSIGN(const FixedPoint narrow, FixedPoint::Create(16, 1, 32767));
  narrow.Decode(std::vector<uint32_t>{0xabcdfffe, 0x12347fff}, 1, mean);
  EXPECT_EQ(mean, (std::vector<float>{-2, 32767}));
  MR_ASSERT_OK_AND_ASSIGN(const FixedPoint middle, FixedPoint::Create(24, 1, 8388607));
  middle.Decode(std::vector<uint32_t>{0xabfffffe, 0x127fffff}, 1, mean);
  EXPECT_EQ(mean, (std::vector<float>{-2, 8388607}));
}

// Sites with different shares, against the mean in double. Over uniform fractions f the variance
// f (1 - f) is 1/6 where the bound takes 1/4, so that the error is sqrt(2/3) = 0.816 of it, give or
// take 0.02 (five standard deviations of 20,000 elements).
TEST(FixedPointTest, ErrorOfTheMeanIsWhatTheFormulasSay) {
  constexpr size_t kLength = 20'000;
  constexpr int kSites = 50;
  Random random(3);
  MR_ASSERT_OK_AND_ASSIGN(const FixedPoint fixed_point, FixedPoint::Create(16, kSites, 1));
  std::vector<uint32_t> sum(kLength);
  std::vector<double> exact(kLength);
  double total_share = 0;
  for (int site = 0; site < kSites; ++site) {
    const double share = site == 0 ? 1 : 0.2 + 0.8 * random.Uniform();
    std::vector<float> x(kLength);
    for (float& value : x) value = static_cast<float>(2 * random.Uniform() - 1);
    const std::vector<uint32_t> encoding =
        EncodingOf(fixed_point, x, share, RandomWords(random, kLength));
    for (size_t i = 0; i < kLength; ++i) {
      sum[i] += encoding[i];
      exact[i] += share * x[i];
    }
    total_share += share;
  }
  std::vector<float> mean(kLength);
  fixed_point.Decode(sum, total_share, mean);
  double squares = 0;
  for (size_t i = 0; i < kLength; ++i) {
    const double error = mean[i] - exact[i] / total_share;
    ASSERT_LT(std::abs(error), fixed_point.WorstError(total_share)) << i;
    squares += error * error;
  }
  EXPECT_NEAR(std::sqrt(squares / kLength) / fixed_point.StandardError(total_share),
              std::sqrt(2.0 / 3), 0.02);
}

TEST(FixedPointTest, ElementsThatAreNotFiniteAreReportedAndNothingIsWritten) {
  MR_ASSERT_OK_AND_ASSIGN(const FixedPoint fixed_point, FixedPoint::Create(32, 3, 1));
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    std::vector<float> x(40, 1.0F);
    x[33] = bad;
    std::vector<uint32_t> out(x.size(), 7);
    EXPECT_FALSE(fixed_point.Encode(x, 1, std::vector<uint32_t>(x.size()), out));
    EXPECT_THAT(out, Each(7u));
  }
}

TEST(FixedPointTest, WhatCannotBeRepresentedIsRefusedWithItsNumbers) {
  const auto refused = [](int bits, int64_t sites, double bound, const char* why) {
    EXPECT_THAT(FixedPoint::Create(bits, sites, bound),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused(8, 3, 1, "8 bits");
  refused(16, 0, 1, "0 sites");
  refused(16, 32768, 1, "32768 sites in 16 bits");
  for (const double bound : {0.0, -1.0, 1e-60, 1e60, std::nan("")}) refused(16, 3, bound, "bound");
  EXPECT_THAT(FixedPoint::Create(16, 32767, 1), testing::IsOk());
}

}  // namespace
}  // namespace millrace
