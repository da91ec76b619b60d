// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/masked_vector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "aggregation/exact_sum.h"
#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the cohort's words
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kBits[] = {16, 24, 32};
constexpr int64_t kParameters = 301, kNumbers = 2;

Plan PlanOf(int64_t sites, int64_t bits, Weights weights) {
  Plan plan;
  plan.cohort.target = sites;
  plan.secure.bits = bits;
  plan.secure.bound = 0.5;
  plan.update.weights = weights;
  plan.update.max_weight = 70'000;  // beyond one digit
  return plan;
}

MaskedShape ShapeOf(const Plan& plan) {
  return {kParameters, kNumbers * kExactLimbs, static_cast<int>(plan.secure.bits)};
}

/// What one site has to send.
struct Update {
  Update(const Plan& plan, Random& random) {
    for (int64_t i = 0; i < kParameters; ++i) {
      delta.push_back(static_cast<float>(random.Uniform() * 2 - 1));  // half of it beyond the bound
    }
    weight = plan.update.weights == Weights::kEqual
                 ? 1
                 : 1 + static_cast<double>(random.Below(plan.update.max_weight));
    for (double& number : numbers) {  // a multiple of 2^-32 below 2^20: sums stay exact
      number = static_cast<double>(static_cast<int64_t>(random.Next()) >> 12) * 0x1p-32;
    }
  }

  std::vector<float> Floats() const {
    std::vector<float> floats = delta;
    const std::vector<float> digits = EncodeExact(numbers).value();
    floats.insert(floats.end(), digits.begin(), digits.end());
    return floats;
  }

  std::vector<float> delta;
  double weight;
  std::array<double, kNumbers> numbers;
};

Words WordsOf(const Plan& plan, const Update& update) {
  const MaskedShape shape = ShapeOf(plan);
  const std::vector<float> floats = update.Floats();
  Words words(floats.size());
  EXPECT_THAT(EncodeUpdate(shape, FixedPointOf(plan).value(), WeightShare(plan, update.weight), 0,
                           floats, words),
              IsOk());
  std::ranges::copy(WeightDigits(update.weight), std::back_inserter(words));
  return words;
}

std::vector<char> Packed(const MaskedShape& shape, const Words& words) {
  std::vector<char> bytes(shape.bytes());
  PackWords(shape, 0, words, bytes);
  return bytes;
}

/// The coordinator's sum of the updates as they come over the wire under a round's masks.
MaskedSum SumUnderMasks(const Plan& plan, const std::vector<Update>& updates) {
  const MaskedShape shape = ShapeOf(plan);
  const Sites all = FirstSites(std::ssize(updates));
  SecureCohort cohort({.sites = std::ssize(updates), .plan = plan.secure, .words = shape.words()});
  for (const int site : all) cohort.vector(site) = WordsOf(plan, updates[site]);
  EXPECT_THAT(cohort.Run(Attendance::Of(all)), IsOk());
  MaskedSum sum(shape);
  for (const int site : all) sum.Fold(0, shape.words(), Packed(shape, cohort.masked(site)));
  const MaskSet masks = cohort.server().Recover().value();
  sum.AddMasks(masks.masks(), 2);
  return sum;
}

// The weighted mean of what the sites hold, clipped, in double.
double ExactMean(const std::vector<Update>& updates, double bound, int64_t i) {
  double sum = 0, weight = 0;
  for (const Update& update : updates) {
    sum += update.weight * std::clamp(static_cast<double>(update.delta[i]), -bound, bound);
    weight += update.weight;
  }
  return sum / weight;
}

void ExpectMeanOfUpdates(const Plan& plan) {
  Random random(plan.secure.bits + plan.cohort.target);
  std::vector<Update> updates;
  double weight = 0;
  std::array<double, kNumbers> numbers{};
  for (int64_t site = 0; site < plan.cohort.target; ++site) {
    const Update& update = updates.emplace_back(plan, random);
    weight += update.weight;
    for (size_t k = 0; k < numbers.size(); ++k) numbers[k] += update.numbers[k];
  }
  const MaskedSum sum = SumUnderMasks(plan, updates);

  EXPECT_EQ(sum.total_weight(), weight);
  EXPECT_THAT(DecodeExact(sum.statistics()), IsOkAndHolds(ElementsAre(numbers[0], numbers[1])));
  const FixedPoint fixed_point = FixedPointOf(plan).value();
  const double total_share = WeightShare(plan, weight);
  std::vector<float> mean(kParameters);
  sum.Mean(fixed_point, total_share, 0, mean);
  const double half_ulp = plan.secure.bound * 0x1p-24;  // of the mean as a float32
  for (int64_t i = 0; i < kParameters; ++i) {
    EXPECT_NEAR(mean[i], ExactMean(updates, plan.secure.bound, i),
                fixed_point.WorstError(total_share) + half_ulp);
  }
}

TEST(MaskedVectorTest, TheMeanIsThatOfTheUpdatesWithinTheWorstErrorAndTheRestIsExact) {
  for (const int bits : kBits) {
    for (const int64_t sites : {4, 9}) {
      for (const Weights weights : {Weights::kExamples, Weights::kEqual}) {
        SCOPED_TRACE(absl::StrCat(bits, " bits, ", sites, " sites"));
        ExpectMeanOfUpdates(PlanOf(sites, bits, weights));
      }
    }
  }
}

TEST(MaskedVectorTest, TheWorstErrorIsThatOfTheBits) {
  // n / (s total_share) with s = floor((2^(bits - 1) - 1) / n) / bound and all shares 1.
  const auto worst_error = [](int bits) {
    return FixedPointOf(PlanOf(4, bits, Weights::kExamples)).value().WorstError(4);
  };
  EXPECT_DOUBLE_EQ(worst_error(16), 0.5 / 8191);
  EXPECT_DOUBLE_EQ(worst_error(24), 0.5 / 2097151);
  EXPECT_DOUBLE_EQ(worst_error(32), 0.5 / 536870911);
}

TEST(MaskedVectorTest, OverSelectedSitesHaveRoomInTheSumAsWell) {
  Plan plan = PlanOf(4, 16, Weights::kExamples);
  plan.cohort.over_selection = 0.5;
  EXPECT_DOUBLE_EQ(FixedPointOf(plan).value().WorstError(6), 0.5 / (32767 / 6));
}

TEST(MaskedVectorTest, EveryWeightComesBackFromItsDigits) {
  for (const double weight : {0.0, 1.0, 65535.0, 65536.0, 70'000.0, 4294967295.0}) {
    const MaskedShape shape;
    MaskedSum sum(shape);
    EXPECT_THAT(WeightDigits(weight), ::testing::Each(::testing::Le(0xffffu)));
    for (int site = 0; site < 65'536; ++site) {  // as many as the digits' sums have room for
      sum.Fold(0, shape.words(), Packed(shape, WeightDigits(weight)));
    }
    EXPECT_EQ(sum.total_weight(), 65'536 * weight);
  }
}

TEST(MaskedVectorTest, ChunksThatBeginAndEndAnywhereGiveTheWhole) {
  Random random(5);
  for (const int bits : kBits) {
    const Plan plan = PlanOf(5, bits, Weights::kExamples);
    const MaskedShape shape = ShapeOf(plan);
    const Words words = WordsOf(plan, Update(plan, random));
    const std::vector<char> whole = Packed(shape, words);
    MaskedSum sum(shape);
    std::vector<char> bytes(shape.bytes());
    for (int64_t begin = 0, end = 0; begin < shape.words(); begin = end) {
      end = begin + 1 + static_cast<int64_t>(random.Below(shape.words() - begin));
      const auto chunk =
          std::span(bytes).subspan(shape.ByteOf(begin), shape.ByteOf(end) - shape.ByteOf(begin));
      PackWords(shape, begin, std::span(words).subspan(begin, end - begin), chunk);
      Words read(end - begin);
      UnpackWords(shape, begin, chunk, read);
      for (int64_t i = begin; i < end; ++i) {
        const uint32_t mask = i < shape.parameters ? ~uint32_t{0} >> (32 - bits) : ~uint32_t{0};
        EXPECT_EQ(read[i - begin], words[i] & mask) << i;
      }
      sum.Fold(begin, end - begin, chunk);
    }
    EXPECT_EQ(bytes, whole);
    MaskedSum at_once(shape);
    at_once.Fold(0, shape.words(), whole);
    EXPECT_EQ(sum.statistics(), at_once.statistics());
    EXPECT_EQ(sum.total_weight(), at_once.total_weight());
  }
}

TEST(MaskedVectorTest, AnUpdateMayBeEncodedInChunksThatStraddleItsSections) {
  const Plan plan = PlanOf(4, 32, Weights::kExamples);
  const MaskedShape shape = ShapeOf(plan);
  Random random(6);
  Update update(plan, random);
  std::ranges::fill(update.delta, 0.5f);  // at the bound: no rounding to differ in
  update.weight = 70'000;
  const Words whole = WordsOf(plan, update);
  const std::vector<float> floats = update.Floats();
  for (const int64_t border : {int64_t{1}, kParameters - 1, kParameters, kParameters + 5}) {
    Words words(floats.size());
    for (const auto& [begin, end] : {std::pair{int64_t{0}, border}, {border, std::ssize(floats)}}) {
      MR_ASSERT_OK(EncodeUpdate(shape, FixedPointOf(plan).value(), 1, begin,
                                std::span(floats).subspan(begin, end - begin),
                                std::span(words).subspan(begin, end - begin)));
    }
    EXPECT_TRUE(std::equal(words.begin(), words.end(), whole.begin())) << border;
  }
}

TEST(MaskedVectorTest, AnUpdateThatIsNoNumberIsRefusedNamingItsPlace) {
  const Plan plan = PlanOf(4, 32, Weights::kExamples);
  const MaskedShape shape = ShapeOf(plan);
  const FixedPoint fixed_point = FixedPointOf(plan).value();
  Words words(10);
  const auto encode = [&](int64_t offset, float value) {
    std::vector<float> update(10);
    update[9] = value;
    return EncodeUpdate(shape, fixed_point, 1, offset, update, words);
  };
  using Float = std::numeric_limits<float>;
  for (const float value : {Float::quiet_NaN(), Float::infinity(), -Float::infinity()}) {
    EXPECT_THAT(encode(100, value), IsStatus(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("from parameter 100 on is not finite")));
  }
  MR_EXPECT_OK(encode(kParameters - 2, 65535));
  for (const float value : {Float::quiet_NaN(), Float::infinity(), -1.0f, 0.5f, 65536.0f}) {
    EXPECT_THAT(encode(kParameters - 2, value),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("statistic")));
  }
}

}  // namespace
}  // namespace millrace
