// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/aes_ctr.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <cstring>
#include <vector>

#include "base/random.h"

namespace millrace {
namespace {

using Key = std::array<uint8_t, 16>;
using NewKeystream = std::unique_ptr<Keystream> (*)(std::span<const uint8_t, 16>, CounterBlock,
                                                    int64_t);

class KeystreamTest : public ::testing::TestWithParam<NewKeystream> {
 protected:
  void SetUp() override {
    if (GetParam() == NewVaesKeystream && !HasVaes()) GTEST_SKIP() << "no VAES here";
  }
  static auto New(const Key& key, CounterBlock start, int64_t offset) {
    return GetParam()(key, start, offset);
  }
};

INSTANTIATE_TEST_SUITE_P(Ciphers, KeystreamTest,
                         ::testing::Values(NewEvpKeystream, NewVaesKeystream),
                         [](const auto& cipher) {
                           return cipher.param == NewEvpKeystream ? "Evp" : "Vaes";
                         });

// Elements [offset, offset + n) of the keystream by the definition: the block cipher over counter
// blocks, one at a time.
std::vector<uint32_t> Reference(const Key& key, CounterBlock start, int64_t offset, size_t n) {
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  EXPECT_EQ(EVP_EncryptInit_ex2(context, EVP_aes_128_ecb(), key.data(), nullptr, nullptr), 1);
  std::vector<uint32_t> keystream(offset % 4 + n + 3);
  start.low += offset / 4;
  for (size_t i = 0; i + 4 <= keystream.size(); i += 4, ++start.low) {
    uint8_t block[16], encrypted[16];
    for (int byte = 0; byte < 16; ++byte) {
      block[byte] = (byte < 8 ? start.high : start.low) >> (56 - 8 * (byte % 8)) & 0xff;
    }
    int written = 0;
    EXPECT_EQ(EVP_EncryptUpdate(context, encrypted, &written, block, sizeof block), 1);
    std::memcpy(&keystream[i], encrypted, sizeof encrypted);
  }
  EVP_CIPHER_CTX_free(context);
  return {keystream.begin() + offset % 4, keystream.begin() + offset % 4 + n};
}

Key RandomKey(Random& random) {
  Key key;
  for (uint8_t& byte : key) byte = static_cast<uint8_t>(random.Next());
  return key;
}

TEST_P(KeystreamTest, GivesTheOutputBlocksOfSp80038aSectionF51) {
  const Key key = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                   0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
  const uint8_t output_blocks[64] = {
      0xec, 0x8c, 0xdf, 0x73, 0x98, 0x60, 0x7c, 0xb0, 0xf2, 0xd2, 0x16, 0x75, 0xea,
      0x9e, 0xa1, 0xe4, 0x36, 0x2b, 0x7c, 0x3c, 0x67, 0x73, 0x51, 0x63, 0x18, 0xa0,
      0x77, 0xd7, 0xfc, 0x50, 0x73, 0xae, 0x6a, 0x2c, 0xc3, 0x78, 0x78, 0x89, 0x37,
      0x4f, 0xbe, 0xb4, 0xc8, 0x1b, 0x17, 0xba, 0x6c, 0x44, 0xe8, 0x9c, 0x39, 0x9f,
      0xf0, 0xf1, 0x98, 0xc6, 0xd4, 0x0a, 0x31, 0xdb, 0x15, 0x6c, 0xab, 0xfe};
  std::vector<uint32_t> values(16);
  New(key, {0xf0f1f2f3f4f5f6f7, 0xf8f9fafbfcfdfeff}, 0)->AddNext(values, false);
  EXPECT_EQ(std::memcmp(values.data(), output_blocks, sizeof output_blocks), 0);
}

TEST_P(KeystreamTest, IsTheBlockCipherOverCountersFromAnyPlaceInAnyPieces) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    const Key key = RandomKey(random);
    const CounterBlock start = {random.Next(), random.Next() >> 1};
    const auto offset = static_cast<int64_t>(random.Below(uint64_t{1} << (1 + random.Below(62))));
    const size_t length = random.Below(5000);
    const std::vector<uint32_t> expected = Reference(key, start, offset, length);
    std::vector<uint32_t> values(length);
    const auto keystream = New(key, start, offset);
    for (size_t done = 0; done < length;) {
      const size_t piece = std::min(random.Below(1500), length - done);
      keystream->AddNext(std::span(values).subspan(done, piece), false);
      done += piece;
    }
    ASSERT_EQ(values, expected) << seed;
  }
}

TEST_P(KeystreamTest, CountersCarryBeyond32Bits) {
  const Key key = {1};
  for (const uint64_t boundary : {uint64_t{1} << 32, uint64_t{1} << 33, uint64_t{1} << 40}) {
    const int64_t elements = static_cast<int64_t>(4 * boundary);
    for (const int64_t before : {1, 4, 16, 63, 800, 1000}) {
      const std::vector<uint32_t> expected = Reference(key, {}, elements - before, 2000);
      std::vector<uint32_t> by_offset(2000), by_start(2000);
      New(key, {}, elements - before)->AddNext(by_offset, false);
      EXPECT_EQ(by_offset, expected) << boundary << ", " << before;
      New(key, {0, boundary - 250}, 1000 - before)->AddNext(by_start, false);
      EXPECT_EQ(by_start, expected) << boundary << ", " << before;
    }
  }
}

TEST_P(KeystreamTest, SubtractsModulo32Bits) {
  const Key key = {2};
  const std::vector<uint32_t> keystream = Reference(key, {}, 0, 1000);
  std::vector<uint32_t> values(1000, 7);
  New(key, {}, 0)->AddNext(values, true);
  for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], 7 - keystream[i]) << i;
}

}  // namespace
}  // namespace millrace
