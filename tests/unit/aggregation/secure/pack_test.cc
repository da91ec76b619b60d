// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;

std::vector<uint8_t> PackedOf(int bits, const std::vector<uint32_t>& words) {
  std::vector<uint8_t> bytes(PackedBytes(bits, words.size()));
  Pack(bits, words, bytes);
  return bytes;
}

TEST(PackTest, BytesAreTheLowerBitsLeastSignificantFirst) {
  const std::vector<uint32_t> words = {0x04030201, 0xfffefdfc};
  EXPECT_THAT(PackedOf(16, words), ElementsAre(1, 2, 0xfc, 0xfd));
  EXPECT_THAT(PackedOf(24, words), ElementsAre(1, 2, 3, 0xfc, 0xfd, 0xfe));
  EXPECT_THAT(PackedOf(32, words), ElementsAre(1, 2, 3, 4, 0xfc, 0xfd, 0xfe, 0xff));
}

TEST(PackTest, TheLowerBitsOfEveryLengthComeBack) {
  Random random(1);
  for (const int bits : {16, 24, 32}) {
    const uint32_t lower = ~uint32_t{0} >> (32 - bits);
    for (size_t length = 0; length < 100; ++length) {
      std::vector<uint32_t> words(length), unpacked(length);
      for (uint32_t& word : words) word = static_cast<uint32_t>(random.Next());
      Unpack(bits, PackedOf(bits, words), unpacked);
      for (uint32_t& word : words) word &= lower;
      ASSERT_EQ(unpacked, words) << bits << " bits, length " << length;
    }
  }
}

}  // namespace
}  // namespace millrace
