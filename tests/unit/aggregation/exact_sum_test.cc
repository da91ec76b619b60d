// SPDX-License-Identifier: Apache-2.0
#include "aggregation/exact_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "aggregation/weighted_sum.h"
#include "base/random.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::IsStatus;

// The largest magnitude that is accepted: 2^94 - 2^41.
const double kLargest = std::nextafter(0x1p94, 0.0);

std::vector<double> Widen(const std::vector<float>& limbs) { return {limbs.begin(), limbs.end()}; }

TEST(ExactSumTest, EncodingIsTwosComplementInSixteenBitDigits) {
  // Five digits of fraction: 1.5 = 0x1'8000 * 2^-16; -2^-80 has all bits set.
  EXPECT_THAT(EncodeExact(std::vector<double>{1.5}),
              IsOkAndHolds(ElementsAre(0, 0, 0, 0, 0x8000, 1, 0, 0, 0, 0, 0, 0)));
  EXPECT_THAT(EncodeExact(std::vector<double>{-0x1p-80}), IsOkAndHolds(Each(65535)));
  EXPECT_THAT(EncodeExact(std::vector<double>{-1.5}),
              IsOkAndHolds(ElementsAre(0, 0, 0, 0, 0x8000, 0xfffe, 0xffff, 0xffff, 0xffff, 0xffff,
                                       0xffff, 0xffff)));
}

TEST(ExactSumTest, MultiplesOfTheResolutionComeBackUnchanged) {
  const std::vector<double> values = {
      0,    1,     -1,    0.5,    -0.5,      1e9,      -1e9,      0x1p-80, -0x1p-80, 0.1,
      -0.1, 65535, 65536, -65536, 123456.75, kLargest, -kLargest, 0x1p93,  -0x1p93,  1 - 0x1p-52};
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> limbs, EncodeExact(values));
  EXPECT_EQ(limbs.size(), values.size() * kExactLimbs);
  EXPECT_THAT(DecodeExact(Widen(limbs)), IsOkAndHolds(values));
}

TEST(ExactSumTest, ValuesRoundToTheNearestMultipleOfTheResolution) {
  const std::vector<double> values = {1e-20, -1e-20, 0x1p-82, 0x1.8p-81, 0x1p-81, 3 * 0x1p-81};
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> limbs, EncodeExact(values));
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<double> decoded, DecodeExact(Widen(limbs)));
  EXPECT_LE(std::abs(decoded[0] - 1e-20), 0x1p-81);
  EXPECT_EQ(decoded[1], -decoded[0]);
  EXPECT_EQ(decoded[2], 0);
  EXPECT_EQ(decoded[3], 0x1p-80);
  EXPECT_EQ(decoded[4], 0);        // ties to even
  EXPECT_EQ(decoded[5], 0x1p-79);  // ties to even
}

TEST(ExactSumTest, EveryLimbIsAFloatThatHoldsSixteenBits) {
  Random random(1);
  std::vector<double> values(1000);
  for (double& value : values)
    value = std::ldexp(random.Normal(), static_cast<int>(random.Below(90)));
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> limbs, EncodeExact(values));
  for (const float limb : limbs) {
    ASSERT_GE(limb, 0);
    ASSERT_LE(limb, 65535);
    ASSERT_EQ(limb, std::floor(limb));
  }
}

// Random multiples of 2^-32, as the integers they are, beside their doubles.
struct Numbers {
  std::vector<int64_t> scaled;
  std::vector<double> values;
};

Numbers RandomNumbers(Random& random, int count) {
  Numbers numbers;
  for (int i = 0; i < count; ++i) {
    // At most 53 bits, so that the double is the integer.
    const auto magnitude = static_cast<int64_t>(random.Next() >> (11 + random.Below(50)));
    const int64_t scaled = random.Below(2) == 0 ? magnitude : -magnitude;
    numbers.scaled.push_back(scaled);
    numbers.values.push_back(std::ldexp(static_cast<double>(scaled), -32));
  }
  return numbers;
}

TEST(ExactSumTest, SummedEncodingsDecodeToTheIntegerSum) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    const Numbers numbers = RandomNumbers(random, 1000);
    std::vector<double> sums(kExactLimbs);
    int64_t expected = 0;  // below 1000 * 2^53 < 2^63
    for (size_t i = 0; i < numbers.values.size(); ++i) {
      expected += numbers.scaled[i];
      MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> limbs,
                              EncodeExact(std::span(&numbers.values[i], 1)));
      for (int limb = 0; limb < kExactLimbs; ++limb) sums[limb] += limbs[limb];
    }
    EXPECT_THAT(DecodeExact(sums),
                IsOkAndHolds(ElementsAre(std::ldexp(static_cast<double>(expected), -32))))
        << "seed " << seed;
  }
}

TEST(ExactSumTest, OrderDoesNotMatterInAWeightedSumsStatistics) {
  Random random(3);
  Numbers numbers = RandomNumbers(random, 500);
  const auto summed = [&] {
    WeightedSum sum(2, kExactLimbs);
    for (const double value : numbers.values) {
      const std::vector<float> limbs = *EncodeExact(std::span(&value, 1));
      EXPECT_TRUE(sum.Fold(2, limbs, 17));
    }
    return std::vector<double>(sum.statistics().begin(), sum.statistics().end());
  };
  const std::vector<double> first = summed();
  for (int order = 0; order < 10; ++order) {
    random.Shuffle(std::span(numbers.values));
    EXPECT_EQ(summed(), first);
  }
}

TEST(ExactSumTest, ManyNegativeNumbersCarryThroughEveryLimb) {
  // 2^36 encodings of -2^-80: each limb sums to 2^36 * 65535.
  EXPECT_THAT(DecodeExact(std::vector<double>(kExactLimbs, 0x1p36 * 65535)),
              IsOkAndHolds(ElementsAre(-0x1p-44)));
}

TEST(ExactSumTest, SumOfTheLargestValuesOf65536SitesDoesNotWrap) {
  for (const double value : {kLargest, -kLargest}) {
    MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> limbs,
                            EncodeExact(std::vector<double>{value}));
    std::vector<double> sums = Widen(limbs);
    for (double& sum : sums) {
      sum *= 65536;
      EXPECT_LT(sum, 0x1p32) << "masked sums are taken modulo 2^32";
    }
    EXPECT_THAT(DecodeExact(sums), IsOkAndHolds(ElementsAre(65536 * value)));
  }
}

TEST(ExactSumTest, SquaresOfALargeChannelAtSevenSitesAddUp) {
  const double squares = 2000 * 3.9e7 * 3.9e7;
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> limbs,
                          EncodeExact(std::vector<double>{squares}));
  std::vector<double> sums = Widen(limbs);
  for (double& sum : sums) sum *= 7;
  EXPECT_THAT(DecodeExact(sums), IsOkAndHolds(ElementsAre(7 * squares)));
}

TEST(ExactSumTest, SquaresOfASmallChannelKeepTheirDigits) {
  const double squares = 1000 * 1e-7 * 1e-7;
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> limbs,
                          EncodeExact(std::vector<double>{squares}));
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<double> decoded, DecodeExact(Widen(limbs)));
  EXPECT_NEAR(decoded[0] / squares, 1, 1e-12);
}

TEST(ExactSumTest, SumIsRoundedToDoubleOnce) {
  // 2^53 + 1 lies between two doubles and goes to the even one; anything above it goes up.
  const std::vector<double> values = {0x1p53, 1, 0x1p-80};
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> limbs, EncodeExact(values));
  std::vector<double> sums(kExactLimbs);
  for (int i = 0; i < 2 * kExactLimbs; ++i) sums[i % kExactLimbs] += limbs[i];
  EXPECT_THAT(DecodeExact(sums), IsOkAndHolds(ElementsAre(0x1p53)));
  sums[0] += 1;
  EXPECT_THAT(DecodeExact(sums), IsOkAndHolds(ElementsAre(0x1p53 + 2)));
  for (int64_t shift = 0; shift < 94; ++shift) {
    // 2^shift + 2^-80 is not a double beyond 2^-27, and rounds to 2^shift.
    std::vector<double> apart = {std::ldexp(1.0, static_cast<int>(shift)), 0x1p-80};
    MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> digits, EncodeExact(apart));
    std::vector<double> together(kExactLimbs);
    for (size_t i = 0; i < digits.size(); ++i) together[i % kExactLimbs] += digits[i];
    EXPECT_THAT(DecodeExact(together), IsOkAndHolds(ElementsAre(apart[0])));
  }
}

TEST(ExactSumTest, OppositeExtremesCancelExactly) {
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<float> limbs,
                          EncodeExact(std::vector<double>{kLargest, -kLargest, 0x1p-80}));
  std::vector<double> sums(kExactLimbs);
  for (size_t i = 0; i < limbs.size(); ++i) sums[i % kExactLimbs] += limbs[i];
  EXPECT_THAT(DecodeExact(sums), IsOkAndHolds(ElementsAre(0x1p-80)));
}

TEST(ExactSumTest, NonFiniteAndTooLargeValuesAreRefusedWithTheirPlace) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity(), 0x1p94, -0x1p94, 1e300}) {
    EXPECT_THAT(EncodeExact(std::vector<double>{0, bad}),
                IsStatus(absl::StatusCode::kOutOfRange, HasSubstr("statistic 1")))
        << bad;
  }
}

TEST(ExactSumTest, LengthThatIsNoMultipleOfTheLimbsIsRefused) {
  EXPECT_THAT(DecodeExact(std::vector<double>(7)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("7 limbs")));
}

TEST(ExactSumTest, SumsThatCannotBeSumsOfLimbsAreRefusedWithTheirPlace) {
  for (const double bad :
       {-1.0, 0.5, std::nan(""), std::numeric_limits<double>::infinity(), 0x1p53 + 2}) {
    std::vector<double> sums(2 * kExactLimbs);
    sums[8] = bad;
    EXPECT_THAT(DecodeExact(sums),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("limb 8")))
        << bad;
  }
}

TEST(ExactSumTest, NothingEncodesToNothing) {
  EXPECT_THAT(EncodeExact({}), IsOkAndHolds(ElementsAre()));
  EXPECT_THAT(DecodeExact({}), IsOkAndHolds(ElementsAre()));
}

}  // namespace
}  // namespace millrace
