// SPDX-License-Identifier: Apache-2.0
// What a coordinator sees of one site looks like nothing at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <set>

#include "aggregation/secure/masked_vector.h"
#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the cohort's words

constexpr int64_t kWords = 1 << 16;

/// What five sites with one and the same vector, all of whose words are `word`, send.
std::vector<std::vector<char>> MaskedBytes(int bits, uint32_t word) {
  const MaskedShape shape{.parameters = kWords - MaskedShape::kWeightDigits, .bits = bits};
  const Sites all = FirstSites(5);
  SecureCohort cohort({.sites = 5, .words = kWords});
  for (const int site : all) cohort.vector(site).assign(kWords, word);
  EXPECT_THAT(cohort.Run(Attendance::Of(all)), IsOkAndHolds(cohort.PlainSum(all)));
  std::vector<std::vector<char>> sent;
  for (const int site : all) {
    PackWords(shape, 0, cohort.masked(site), sent.emplace_back(shape.bytes()));
  }
  return sent;
}

// Pearson's statistic of the bytes against all of them being equally likely.
double ChiSquared(const std::vector<char>& bytes) {
  std::array<double, 256> counts{};
  for (const char byte : bytes) ++counts[static_cast<uint8_t>(byte)];
  const double expected = static_cast<double>(bytes.size()) / 256;
  double statistic = 0;
  for (const double count : counts) statistic += (count - expected) * (count - expected) / expected;
  return statistic;
}

// With 255 degrees of freedom the statistic goes beyond 402.7 once in 10^8 uniform vectors, which
// is once in 7 * 10^6 runs of the 15 here.
TEST(MaskedUniformityTest, BytesOfAConstantUpdateAreAllEquallyLikely) {
  for (const int bits : {16, 24, 32}) {
    for (const std::vector<char>& bytes : MaskedBytes(bits, 0x01010101)) {
      EXPECT_LT(ChiSquared(bytes), 402.7);
    }
  }
}

// So that the bound above is known to bite: a mask of too few values would show.
TEST(MaskedUniformityTest, TheTestSeesABiasOfOneByteInAHundred) {
  std::vector<char> bytes = MaskedBytes(32, 0)[0];
  for (size_t i = 0; i < bytes.size(); i += 100) bytes[i] = 0;
  EXPECT_GT(ChiSquared(bytes), 402.7);
}

std::set<std::string> Blocks(const std::vector<char>& bytes) {
  std::set<std::string> blocks;
  for (size_t i = 0; i + 16 <= bytes.size(); i += 16) blocks.emplace(bytes.data() + i, 16);
  return blocks;
}

// Of 2^14 blocks on each side two are alike with a chance of 2^-100. Of 2^18 bytes as many fall on
// their like as a binomial count with mean 1024 and deviation 32: beyond 6 of those, once in 5 *
// 10^8.
void ExpectNothingInCommon(const std::vector<char>& a, const std::vector<char>& b) {
  const std::set<std::string> blocks = Blocks(a);
  EXPECT_EQ(blocks.size(), a.size() / 16) << "a block comes twice";
  for (const std::string& block : Blocks(b)) EXPECT_FALSE(blocks.contains(block));
  ASSERT_EQ(a.size(), b.size());
  int64_t alike = 0;
  for (size_t i = 0; i < a.size(); ++i) alike += a[i] == b[i] ? 1 : 0;
  const double expected = static_cast<double>(a.size()) / 256;
  EXPECT_NEAR(static_cast<double>(alike), expected, 6 * std::sqrt(expected));
}

TEST(MaskedUniformityTest, TwoAttemptsWithTheSameUpdateShareNothing) {
  const auto first = MaskedBytes(32, 7), second = MaskedBytes(32, 7);
  for (size_t site = 0; site < first.size(); ++site)
    ExpectNothingInCommon(first[site], second[site]);
}

TEST(MaskedUniformityTest, TwoSitesWithTheSameUpdateShareNothing) {
  const auto sent = MaskedBytes(32, 7);
  for (size_t i = 0; i < sent.size(); ++i) {
    for (size_t j = 0; j < i; ++j) ExpectNothingInCommon(sent[i], sent[j]);
  }
}

// All that a coordinator may see: the sum of some of them is as uniform, until all are in.
TEST(MaskedUniformityTest, TheSumOfAllButOneLooksUniformAsWell) {
  std::vector<char> sum(4 * kWords, 0);
  const auto sent = MaskedBytes(32, 0);
  for (size_t site = 1; site < sent.size(); ++site) {
    for (size_t i = 0; i < sum.size(); i += 4) {
      uint32_t a, b;
      std::memcpy(&a, sum.data() + i, 4);
      std::memcpy(&b, sent[site].data() + i, 4);
      a += b;
      std::memcpy(sum.data() + i, &a, 4);
    }
  }
  EXPECT_LT(ChiSquared(sum), 402.7);
}

}  // namespace
}  // namespace millrace
