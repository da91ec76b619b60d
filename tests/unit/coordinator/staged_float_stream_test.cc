// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "aggregation/weighted_sum.h"
#include "base/random.h"
#include "coordinator/blob/float_stream.h"

namespace millrace {
namespace {

std::vector<char> BytesOf(const std::vector<float>& values) {
  std::vector<char> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<float> RandomValues(size_t count) {
  Random random(11);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.Normal());
  return values;
}

// Feeds the bytes in pieces of random length up to `longest`.
std::optional<int64_t> FindInPieces(const std::vector<char>& bytes, uint64_t longest,
                                    uint64_t seed) {
  Random random(seed);
  FloatStream stream;
  std::span<const char> rest(bytes);
  while (!rest.empty()) {
    const size_t size = std::min<size_t>(rest.size(), 1 + random.Below(longest));
    if (const auto found = stream.FindOutOfBound(rest.first(size))) return found;
    rest = rest.subspan(size);
  }
  return std::nullopt;
}

TEST(FloatStreamTest, FiniteValuesPass) {
  EXPECT_EQ(FindInPieces(BytesOf(RandomValues(10'000)), 5'000, 1), std::nullopt);
}

TEST(FloatStreamTest, ValuesBelowTheBoundAndSubnormalsPass) {
  const float largest = std::nextafter(kUpdateBound, 0.0f);
  const std::vector<float> values = {largest, -largest, std::numeric_limits<float>::denorm_min(),
                                     -0.0f};
  EXPECT_EQ(FindInPieces(BytesOf(values), 16, 1), std::nullopt);
}

TEST(FloatStreamTest, AValueOutOfBoundIsFoundWhereverChunksAreCut) {
  Random random(3);
  const std::vector<float> good = RandomValues(5'000);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity(), kUpdateBound, -kUpdateBound}) {
    for (int trial = 0; trial < 30; ++trial) {
      std::vector<float> values = good;
      const int64_t index = random.Below(values.size());
      values[index] = bad;
      for (const uint64_t longest : {3, 50, 20'000}) {
        ASSERT_EQ(FindInPieces(BytesOf(values), longest, trial), index);
      }
    }
  }
}

TEST(FloatStreamTest, AValueCutIntoSingleBytesIsFoundAtItsLastByte) {
  const std::vector<char> bytes = BytesOf({1.0f, std::nanf("")});
  FloatStream stream;
  for (size_t i = 0; i < 7; ++i) {
    ASSERT_EQ(stream.FindOutOfBound({&bytes[i], 1}), std::nullopt) << i;
  }
  EXPECT_EQ(stream.FindOutOfBound({&bytes[7], 1}), 1);
}

TEST(FloatStreamTest, TheFirstOfSeveralIsNamed) {
  std::vector<float> values = RandomValues(9'000);
  values[8'000] = values[4'321] = std::nanf("");
  EXPECT_EQ(FindInPieces(BytesOf(values), 100'000, 1), 4'321);
}

}  // namespace
}  // namespace millrace
