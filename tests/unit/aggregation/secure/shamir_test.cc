// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/shamir.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <set>

#include "base/random.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsStatus;
using ::testing::Not;

// A seeded stand-in for RandomFieldElement.
class SeededElements {
 public:
  explicit SeededElements(uint64_t seed) : random_(seed) {}
  uint64_t operator()() { return random_.Below(Field61::kPrime); }

 private:
  Random random_;
};

template <size_t N>
Secret<N> SecretFrom(uint64_t seed) {
  Random random(seed);
  Secret<N> secret;
  for (uint8_t& byte : secret.mutable_bytes()) byte = static_cast<uint8_t>(random.Next());
  return secret;
}

// 1 to count.
std::vector<uint64_t> Points(size_t count) {
  std::vector<uint64_t> points(count);
  std::iota(points.begin(), points.end(), 1);
  return points;
}

template <size_t N>
void ExpectSecret(const absl::StatusOr<Secret<N>>& result, const Secret<N>& expected) {
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->bytes(), ElementsAreArray(expected.bytes()));
}

template <size_t N>
void ExpectEverySubsetReconstructs(size_t holders, int64_t threshold) {
  const Secret<N> secret = SecretFrom<N>(holders);
  const std::vector<uint64_t> points = Points(holders);
  const std::vector<ShamirShare<N>> shares =
      SplitSecret(secret, threshold, points, SeededElements(threshold));
  for (uint32_t subset = 0; subset < 1U << holders; ++subset) {
    if (std::popcount(subset) != threshold) continue;
    std::vector<uint64_t> their_points;
    std::vector<ShamirShare<N>> their_shares;
    for (size_t j = 0; j < holders; ++j) {
      if ((subset >> j & 1) == 0) continue;
      their_points.push_back(points[j]);
      their_shares.push_back(shares[j]);
    }
    ExpectSecret(ReconstructSecret<N>(threshold, their_points, their_shares), secret);
  }
}

TEST(ShamirTest, EverySubsetOfThresholdHoldersReconstructs) {
  for (size_t holders = 1; holders <= 7; ++holders) {
    for (int64_t threshold = 1; threshold <= static_cast<int64_t>(holders); ++threshold) {
      ExpectEverySubsetReconstructs<16>(holders, threshold);
      ExpectEverySubsetReconstructs<32>(holders, threshold);
    }
  }
}

TEST(ShamirTest, LimbsOfSevenBytesAreTheConstantTerms) {
  EXPECT_EQ(ShamirLimbs(16), 3u);
  EXPECT_EQ(ShamirLimbs(32), 5u);
  Secret<16> secret;
  for (size_t i = 0; i < 16; ++i) secret.mutable_bytes()[i] = static_cast<uint8_t>(i + 1);
  const std::vector<ShamirShare<16>> shares = SplitSecret(secret, 1, Points(2));
  for (const ShamirShare<16>& share : shares) {  // threshold 1: the constants themselves
    EXPECT_EQ(share.values[0], 0x07060504030201u);
    EXPECT_EQ(share.values[1], 0x0e0d0c0b0a0908u);
    EXPECT_EQ(share.values[2], 0x100fu);
  }
}

TEST(ShamirTest, SharesAreThePolynomialsWithTheGivenCoefficients) {
  uint64_t next = 10;
  Secret<16> secret;
  secret.mutable_bytes()[0] = 5;
  secret.mutable_bytes()[7] = 6;
  const std::vector<ShamirShare<16>> shares =
      SplitSecret(secret, 3, std::vector<uint64_t>{1, 100, 101}, [&] { return next++; });
  EXPECT_THAT(shares[0].values, ElementsAreArray({5 + 10 + 11, 6 + 12 + 13, 0 + 14 + 15}));
  EXPECT_THAT(shares[1].values,
              ElementsAreArray({5 + 1000 + 110000, 6 + 1200 + 130000, 0 + 1400 + 150000}));
}

TEST(ShamirTest, TheLargestSecretReconstructs) {
  Secret<32> secret;
  std::ranges::fill(secret.mutable_bytes(), 0xff);
  const std::vector<ShamirShare<32>> shares = SplitSecret(secret, 2, Points(3));
  ExpectSecret(ReconstructSecret<32>(2, Points(3), shares), secret);
}

TEST(ShamirTest, OneSetOfHoldersReconstructsManySecrets) {
  constexpr int64_t kThreshold = 70;
  const std::vector<uint64_t> points = Points(kThreshold);
  MR_ASSERT_OK_AND_ASSIGN(const auto lagrange, LagrangeAtZero<Field61>::Create(points));
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Secret<32> secret = SecretFrom<32>(seed);
    const std::vector<ShamirShare<32>> shares = SplitSecret(secret, kThreshold, points);
    ExpectSecret(ReconstructSecret<32>(lagrange, shares), secret);
  }
}

TEST(ShamirTest, SharesBeyondTheThresholdAreNotLookedAt) {
  const Secret<16> secret = SecretFrom<16>(3);
  std::vector<ShamirShare<16>> shares = SplitSecret(secret, 3, Points(5));
  shares[3].values.fill(~uint64_t{0});
  shares[4].values.fill(0);
  ExpectSecret(ReconstructSecret<16>(3, Points(5), shares), secret);
}

TEST(ShamirTest, TooFewSharesAndBadPointsAreRefused) {
  const std::vector<ShamirShare<16>> shares = SplitSecret(SecretFrom<16>(4), 3, Points(3));
  const auto refused = [&](std::vector<uint64_t> points, size_t count, const char* why) {
    EXPECT_THAT(ReconstructSecret<16>(3, points, std::span(shares).first(count)),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused({1, 2}, 2, "2 shares at 2 points, of which 3 are needed");
  refused({1, 2, 3}, 2, "2 shares at 3 points");
  refused({1, 2}, 3, "3 shares at 2 points");
  refused({1, 2, 2}, 3, "points 1 and 2 are both 2");
  refused({0, 1, 2}, 3, "point 0 = 0");
  MR_ASSERT_OK_AND_ASSIGN(const auto lagrange, LagrangeAtZero<Field61>::Create(Points(3)));
  EXPECT_THAT(ReconstructSecret<16>(lagrange, std::span(shares).first(2)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("2 shares for 3 points")));
}

TEST(ShamirTest, ValuesOutsideTheFieldAreRefused) {
  std::vector<ShamirShare<16>> shares = SplitSecret(SecretFrom<16>(5), 2, Points(2));
  for (const uint64_t value : {Field61::kPrime, ~uint64_t{0}}) {
    shares[1].values[2] = value;
    EXPECT_THAT(ReconstructSecret<16>(2, Points(2), shares),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("share 1 holds")));
  }
}

TEST(ShamirTest, ALimbThatDoesNotFitItsBytesIsRefused) {
  std::vector<ShamirShare<16>> shares(1);
  shares[0].values = {0, uint64_t{1} << 56, 0};
  EXPECT_THAT(ReconstructSecret<16>(1, Points(1), shares),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("limb 1 is too large")));
  shares[0].values = {0, 0, 1 << 16};  // the last limb has two bytes
  EXPECT_THAT(ReconstructSecret<16>(1, Points(1), shares),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("limb 2 is too large")));
}

// A binomial count of 3200 * 2^-5 = 100 with standard deviation 9.8: beyond 50 from it, five of
// them, for one seed in two million.
TEST(ShamirTest, OneAlteredLimbIn32GoesUnnoticed) {
  SeededElements elements(6);
  const std::vector<ShamirShare<16>> shares =
      SplitSecret(SecretFrom<16>(6), 3, Points(3), elements);
  int unnoticed = 0;
  for (int i = 0; i < 3200; ++i) {
    std::vector<ShamirShare<16>> altered = shares;
    altered[1].values[0] = elements();
    if (ReconstructSecret<16>(3, Points(3), altered).ok()) ++unnoticed;
  }
  EXPECT_NEAR(unnoticed, 100, 50);
}

TEST(ShamirTest, RandomElementsAreInTheFieldAndUseAllOfItsBits) {
  std::set<uint64_t> elements;
  uint64_t ever_set = 0, always_set = ~uint64_t{0};
  for (int i = 0; i < 1000; ++i) {  // a bit that never changes: 61 * 2^-999
    const uint64_t element = RandomFieldElement();
    ASSERT_LT(element, Field61::kPrime);
    elements.insert(element);
    ever_set |= element;
    always_set &= element;
  }
  EXPECT_EQ(elements.size(), 1000u);  // two alike: 2^-42
  EXPECT_EQ(ever_set, Field61::kPrime);
  EXPECT_EQ(always_set, 0u);
}

TEST(ShamirTest, AShareIsWipedWhenItGoes) {
  alignas(ShamirShare<16>) std::array<uint8_t, sizeof(ShamirShare<16>)> place;
  auto* const share = new (place.data()) ShamirShare<16>;
  share->values.fill(~uint64_t{0});
  share->~ShamirShare();
  EXPECT_THAT(place, ::testing::Each(0));
}

TEST(ShamirTest, TheSameSecretIsNeverSplitTheSameWayTwice) {
  const Secret<32> secret = SecretFrom<32>(7);
  EXPECT_THAT(SplitSecret(secret, 2, Points(2)),
              Not(ElementsAreArray(SplitSecret(secret, 2, Points(2)))));
}

}  // namespace
}  // namespace millrace
