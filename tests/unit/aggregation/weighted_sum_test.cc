// SPDX-License-Identifier: Apache-2.0
#include "aggregation/weighted_sum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/random.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;

std::vector<float> RandomVector(Random& random, size_t size) {
  std::vector<float> x(size);
  for (float& value : x) {
    value =
        static_cast<float>(std::ldexp(random.Normal(), static_cast<int>(random.Below(40)) - 20));
  }
  return x;
}

TEST(FoldChunkTest, AddsTheWeightedValues) {
  std::vector<double> sum = {1, 2, 3};
  EXPECT_TRUE(FoldChunk(sum, std::vector<float>{0.5, -1, 4}, 10));
  EXPECT_THAT(sum, ElementsAre(6, -8, 43));
}

TEST(FoldChunkTest, EveryLengthAndAlignmentGivesTheBitsOfAPlainLoop) {
  Random random(1);
  const std::vector<float> x = RandomVector(random, 300);
  const double weight = 0.1;  // rounds, so that a fused multiply-add would show
  for (size_t begin = 0; begin < 17; ++begin) {
    for (size_t length = 0; length < 150; ++length) {
      std::vector<double> sum(begin + length, 1.0 / 3);
      ASSERT_TRUE(
          FoldChunk(std::span(sum).subspan(begin), std::span(x).subspan(begin, length), weight));
      for (size_t i = 0; i < length; ++i) {
        volatile double product = weight * static_cast<double>(x[begin + i]);
        ASSERT_EQ(sum[begin + i], 1.0 / 3 + product) << begin << ", " << length << ", " << i;
      }
    }
  }
}

// Every kind of value that is not finite, signalling NaNs and NaN payloads included.
const float kNonFinite[] = {std::bit_cast<float>(0x7f800000U), std::bit_cast<float>(0xff800000U),
                            std::bit_cast<float>(0x7fc00000U), std::bit_cast<float>(0x7f800001U),
                            std::bit_cast<float>(0xffffffffU)};

TEST(FiniteCheckTest, OneBadValueIsFoundAtEveryPositionLengthAndAlignment) {
  std::vector<float> x(160, 1.0F);
  std::vector<double> sum(160);
  for (size_t begin = 0; begin < 17; ++begin) {
    for (size_t length = 1; length < 140; ++length) {
      for (size_t place = 0; place < length; ++place) {
        x[begin + place] = kNonFinite[(begin + length + place) % std::size(kNonFinite)];
        const std::span<const float> part = std::span(x).subspan(begin, length);
        ASSERT_FALSE(AllFinite(part)) << begin << ", " << length << ", " << place;
        ASSERT_FALSE(FoldChunk(std::span(sum).subspan(begin, length), part, 1))
            << begin << ", " << length << ", " << place;
        x[begin + place] = 1;
      }
    }
  }
}

TEST(FiniteCheckTest, EveryKindOfBadValueIsFound) {
  for (const float bad : kNonFinite) {
    std::vector<float> x(33, 1.0F);
    x[20] = bad;
    std::vector<double> sum(33);
    EXPECT_FALSE(AllFinite(x)) << bad;
    EXPECT_FALSE(FoldChunk(sum, x, 1)) << bad;
  }
}

TEST(FiniteCheckTest, TheLargestTheSmallestAndTheZeroesAreFinite) {
  using Limits = std::numeric_limits<float>;
  std::vector<float> x;
  for (int i = 0; i < 20; ++i) {
    for (const float value : {Limits::max(), Limits::lowest(), Limits::min(), Limits::denorm_min(),
                              -Limits::denorm_min(), 0.0F, -0.0F}) {
      x.push_back(value);
    }
  }
  std::vector<double> sum(x.size());
  EXPECT_TRUE(AllFinite(x));
  EXPECT_TRUE(FoldChunk(sum, x, 1));
}

TEST(FiniteCheckTest, AnEmptyVectorIsFinite) {
  EXPECT_TRUE(AllFinite({}));
  EXPECT_TRUE(FoldChunk({}, {}, 1));
}

TEST(WeightedSumTest, MeanIsTheWeightedMean) {
  WeightedSum sum(2, 0);
  EXPECT_TRUE(sum.Fold(0, std::vector<float>{1, 10}, 1));
  sum.AddWeight(1);
  EXPECT_TRUE(sum.Fold(0, std::vector<float>{5, -2}, 3));
  sum.AddWeight(3);
  std::vector<float> mean(2);
  sum.Mean(0, mean);
  EXPECT_THAT(mean, ElementsAre(4, 1));  // (1 + 15) / 4, (10 - 6) / 4
  EXPECT_EQ(sum.total_weight(), 4);
  EXPECT_EQ(sum.updates(), 2);
}

TEST(WeightedSumTest, StatisticsAreAddedWithoutTheWeight) {
  WeightedSum sum(1, 2);
  EXPECT_TRUE(sum.Fold(0, std::vector<float>{1, 2, 3}, 100));
  EXPECT_TRUE(sum.Fold(0, std::vector<float>{1, 20, 30}, 100));
  EXPECT_THAT(sum.statistics(), ElementsAre(22, 33));
}

TEST(WeightedSumTest, AnUpdateOfStatisticsAloneNeedsNoParameters) {
  WeightedSum sum(0, 2);
  EXPECT_TRUE(sum.Fold(0, std::vector<float>{4, 5}, 7));
  EXPECT_THAT(sum.statistics(), ElementsAre(4, 5));
}

TEST(WeightedSumTest, ABadValueInEitherSectionIsReported) {
  for (const size_t place : {0, 1, 2, 3}) {
    WeightedSum sum(2, 2);
    std::vector<float> x = {1, 1, 1, 1};
    x[place] = std::numeric_limits<float>::infinity();
    EXPECT_FALSE(sum.Fold(0, x, 1)) << place;
  }
}

TEST(WeightedSumTest, ChunksOfAnySizeGiveTheBitsOfTheWhole) {
  constexpr int64_t kParameters = 1000, kStatistics = 60, kLength = kParameters + kStatistics;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    WeightedSum whole(kParameters, kStatistics), pieces(kParameters, kStatistics);
    for (int update = 0; update < 5; ++update) {
      const std::vector<float> x = RandomVector(random, kLength);
      const double weight = 1 + static_cast<double>(random.Below(1000));
      ASSERT_TRUE(whole.Fold(0, x, weight));
      whole.AddWeight(weight);
      for (int64_t offset = 0; offset < kLength;) {
        const int64_t length = std::min<int64_t>(1 + random.Below(200), kLength - offset);
        ASSERT_TRUE(pieces.Fold(offset, std::span(x).subspan(offset, length), weight));
        offset += length;
      }
      pieces.AddWeight(weight);
    }
    std::vector<float> mean(kParameters), mean_in_pieces(kParameters);
    whole.Mean(0, mean);
    for (int64_t offset = 0; offset < kParameters; offset += 7) {
      const int64_t length = std::min<int64_t>(7, kParameters - offset);
      pieces.Mean(offset, std::span(mean_in_pieces).subspan(offset, length));
    }
    EXPECT_EQ(mean, mean_in_pieces) << "seed " << seed;
    EXPECT_TRUE(std::equal(whole.statistics().begin(), whole.statistics().end(),
                           pieces.statistics().begin()))
        << "seed " << seed;
  }
}

// The bound that weighted_sum.h promises, against long double: its 64 (or more) bits of mantissa
// keep the reference's own error at least 2^11 times below the bound.
TEST(WeightedSumTest, TenThousandUpdatesStayWithinThePromisedError) {
  constexpr int kUpdates = 10'000;
  constexpr size_t kLength = 50;
  Random random(12);
  std::vector<double> sum(kLength);
  std::vector<long double> exact(kLength), magnitude(kLength);
  for (int update = 0; update < kUpdates; ++update) {
    const std::vector<float> x = RandomVector(random, kLength);
    const auto weight = static_cast<double>(1 + random.Below((1 << 29) - 1));
    ASSERT_TRUE(FoldChunk(sum, x, weight));
    for (size_t i = 0; i < kLength; ++i) {
      const long double product = static_cast<long double>(weight) * x[i];
      exact[i] += product;
      magnitude[i] += std::abs(product);
    }
  }
  long double largest_share = 0;
  for (size_t i = 0; i < kLength; ++i) {
    const long double bound = kUpdates * 0x1p-53L * magnitude[i];
    const long double error = std::abs(sum[i] - exact[i]);
    EXPECT_LE(error, bound) << i;
    largest_share = std::max(largest_share, error / bound);
  }
  EXPECT_GT(largest_share, 0) << "no rounding at all: the test no longer measures the sum";
}

TEST(WeightedSumTest, MeanOfTenThousandUpdatesIsWithinAFloatOfTheExactMean) {
  constexpr int kUpdates = 10'000;
  constexpr size_t kLength = 20;
  Random random(13);
  WeightedSum sum(kLength, 0);
  std::vector<long double> exact(kLength);
  long double total = 0;
  for (int update = 0; update < kUpdates; ++update) {
    std::vector<float> x(kLength);
    for (float& value : x) value = static_cast<float>(0.01 + random.Uniform());  // no cancellation
    const auto weight = static_cast<double>(1 + random.Below(5000));
    ASSERT_TRUE(sum.Fold(0, x, weight));
    sum.AddWeight(weight);
    total += weight;
    for (size_t i = 0; i < kLength; ++i) exact[i] += static_cast<long double>(weight) * x[i];
  }
  std::vector<float> mean(kLength);
  sum.Mean(0, mean);
  for (size_t i = 0; i < kLength; ++i) {
    const long double expected = exact[i] / total;
    // Half a unit in the last place of float32, and a little for the double sum.
    EXPECT_NEAR(static_cast<double>(mean[i] / expected), 1, 0x1p-24 * 1.0001) << i;
  }
}

TEST(WithinUpdateBoundTest, TheBoundItselfIsOutWhereverItStands) {
  const float largest = std::nextafter(kUpdateBound, 0.0f);
  for (size_t length : {1, 7, 16, 33}) {
    std::vector<float> x(length, -largest);
    EXPECT_TRUE(WithinUpdateBound(x)) << length;
    for (size_t i = 0; i < length; ++i) {
      for (const float bad :
           {kUpdateBound, -kUpdateBound, std::nanf(""), std::numeric_limits<float>::infinity()}) {
        x[i] = bad;
        EXPECT_FALSE(WithinUpdateBound(x)) << bad << " at " << i << " of " << length;
      }
      x[i] = largest;
    }
  }
}

}  // namespace
}  // namespace millrace
