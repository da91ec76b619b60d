// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/hkdf.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "tests/unit/base/hex.h"

namespace millrace {
namespace {

std::string HkdfInHex(const std::string& key, const std::string& salt, const std::string& info,
                      size_t size) {
  std::vector<uint8_t> out(size);
  HkdfSha256(Octets(key), Octets(salt), info, out);
  return HexOf(out);
}

// The bytes from `first` to `last`.
std::string Range(int first, int last) {
  std::string bytes(last - first + 1, '\0');
  std::iota(bytes.begin(), bytes.end(), static_cast<char>(first));
  return bytes;
}

TEST(HkdfTest, MatchesRfc5869A1) {
  EXPECT_EQ(HkdfInHex(std::string(22, '\x0b'), Range(0x00, 0x0c), Range(0xf0, 0xf9), 42),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
            "34007208d5b887185865");
}

TEST(HkdfTest, MatchesRfc5869A2WithLongInputs) {
  EXPECT_EQ(HkdfInHex(Range(0x00, 0x4f), Range(0x60, 0xaf), Range(0xb0, 0xff), 82),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

TEST(HkdfTest, MatchesRfc5869A3WithoutSaltAndInfo) {
  EXPECT_EQ(HkdfInHex(std::string(22, '\x0b'), "", "", 42),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
            "9d201395faa4b61a96c8");
}

TEST(HkdfTest, ASaltThatPointsNowhereIsAnEmptyOne) {
  std::vector<uint8_t> out(42);
  HkdfSha256(Octets(std::string(22, '\x0b')), {}, "", out);
  EXPECT_EQ(HexOf(out), HkdfInHex(std::string(22, '\x0b'), "", "", 42));
}

TEST(HkdfTest, TheLimitsThatAreStatedHold) {
  const std::string longest = HkdfInHex("k", "", std::string(1024, 'i'), 8160);
  EXPECT_EQ(longest.substr(0, 64), HkdfInHex("k", "", std::string(1024, 'i'), 32));
  EXPECT_NE(longest.substr(0, 64), HkdfInHex("k", "", std::string(1023, 'i') + "j", 32));
}

TEST(HkdfDeathTest, MoreThanTheRfcAllowsIsOurMistake) {
  EXPECT_DEATH(HkdfInHex("k", "", "", 8161), "broken invariant");
}

}  // namespace
}  // namespace millrace
