// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/mask_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "aggregation/secure/aes_ctr.h"
#include "base/random.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;

// Some masks of random keys and signs on a random vector, at most `max_length` elements long.
struct MaskCase {
  MaskCase(uint64_t seed, uint64_t max_length) : random(seed), keys(random.Below(6)) {
    for (MaskKey& key : keys) {
      for (uint8_t& byte : key.mutable_bytes()) byte = static_cast<uint8_t>(random.Next());
      masks.push_back({&key, random.Below(2) == 1});
    }
    offset = static_cast<int64_t>(random.Below(uint64_t{1} << random.Below(40)));
    values.resize(random.Below(max_length + 1));
    for (uint32_t& value : values) value = static_cast<uint32_t>(random.Next());
  }

  // The values with the masks added by one call.
  std::vector<uint32_t> Masked(int threads, MaskPath path) const {
    std::vector<uint32_t> masked = values;
    AddMasks(masked, offset, masks, threads, path);
    return masked;
  }

  Random random;
  std::vector<MaskKey> keys;
  std::vector<Mask> masks;
  int64_t offset;
  std::vector<uint32_t> values;
};

// The hash key and the encryption of counter 1 in test case 1 of McGrew and Viega's GCM: AES-128
// under the key zero.
TEST(MaskStreamTest, BeginsWithTheEncryptionOfZeroAndOne) {
  const MaskKey zero;
  const Mask mask[] = {{&zero}};
  for (const MaskPath path : AvailableMaskPaths()) {
    std::vector<uint32_t> values(8);
    AddMasks(values, 0, mask, 1, path);
    EXPECT_THAT(values, ElementsAre(0xd44be966, 0x3b2c8aef, 0x59fa4c88, 0x2e2b34ca,  //
                                    0xcefce258, 0x61307efa, 0x571d7f36, 0x5a45e7a4));
  }
}

TEST(MaskStreamTest, EveryPathGivesTheSameValues) {
  if (!HasVaes()) GTEST_SKIP() << "this processor has but one path";
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const MaskCase c(seed, seed % 2 == 0 ? 100 : 60'000);
    ASSERT_EQ(c.Masked(1, MaskPath::kVaes), c.Masked(1, MaskPath::kEvp)) << seed;
  }
}

TEST(MaskStreamTest, AnyNumberOfThreadsGivesTheSameValues) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const MaskCase c(seed, seed % 2 == 0 ? 100 : 60'000);
    for (const MaskPath path : AvailableMaskPaths()) {
      const std::vector<uint32_t> expected = c.Masked(1, path);
      for (const int threads : {2, 5}) {
        ASSERT_EQ(c.Masked(threads, path), expected) << seed << ", " << threads;
      }
    }
  }
}

TEST(MaskStreamTest, AnyPartitionOfTheRangeGivesTheValuesOfTheWhole) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    MaskCase c(seed, 30'000);
    for (const MaskPath path : AvailableMaskPaths()) {
      std::vector<uint32_t> parts = c.values;
      for (size_t begin = 0; begin < parts.size();) {
        const size_t length = std::min(c.random.Below(10'000), parts.size() - begin);
        AddMasks(std::span(parts).subspan(begin, length), c.offset + static_cast<int64_t>(begin),
                 c.masks, 1, path);
        begin += length;
      }
      ASSERT_EQ(parts, c.Masked(1, path)) << seed;
    }
  }
}

TEST(MaskStreamTest, SubtractingWhatWasAddedGivesTheValuesBack) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const MaskCase c(seed, 30'000);
    std::vector<Mask> opposite = c.masks;
    for (Mask& mask : opposite) mask.subtract = !mask.subtract;
    for (const MaskPath path : AvailableMaskPaths()) {
      std::vector<uint32_t> values = c.Masked(1, path);
      AddMasks(values, c.offset, opposite, 1, path);
      ASSERT_EQ(values, c.values) << seed;
    }
  }
}

TEST(MaskStreamTest, DoesNotRepeatAfter2To34Elements) {
  const MaskKey zero;
  const Mask mask[] = {{&zero}};
  constexpr int64_t kElements = int64_t{1} << 34;  // 2^32 cipher blocks
  for (const MaskPath path : AvailableMaskPaths()) {
    std::vector<uint32_t> across(20'000), after(10'000), first(10'000);
    AddMasks(across, kElements - 10'000, mask, 1, path);
    AddMasks(after, kElements, mask, 1, path);
    AddMasks(first, 0, mask, 1, path);
    EXPECT_TRUE(std::equal(after.begin(), after.end(), across.begin() + 10'000));
    EXPECT_NE(after, first);
  }
}

}  // namespace
}  // namespace millrace
