// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/aead.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <array>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/base/hex.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using testing::IsStatus;

constexpr auto kTampered = absl::StatusCode::kDataLoss;

struct Message {
  Secret<32> key;
  std::array<uint8_t, 12> nonce;
  std::string associated_data;
  std::string plain;
};

// The message of case 16, of which the others are parts.
Message TestCase16() {
  return {
      Secret<32>(BytesOf<32>("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")),
      BytesOf<12>("cafebabefacedbaddecaf888"),
      absl::HexStringToBytes("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
      absl::HexStringToBytes("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                             "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")};
}

std::string SealOf(const Message& message) {
  return Seal(message.key, message.nonce, message.associated_data, Octets(message.plain));
}

// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, the cases with 256-bit keys
// and 96-bit nonces.
TEST(AeadTest, MatchesTestCase13NothingAtAll) {
  EXPECT_EQ(absl::BytesToHexString(SealOf({})), "530f8afbc74536b9a963b4f1c4cb738b");
}

TEST(AeadTest, MatchesTestCase14OneBlock) {
  Message message{};
  message.plain = std::string(16, '\0');
  EXPECT_EQ(absl::BytesToHexString(SealOf(message)),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST(AeadTest, MatchesTestCase15FourBlocks) {
  Message message = TestCase16();
  message.associated_data.clear();
  message.plain += absl::HexStringToBytes("1aafd255");
  EXPECT_EQ(absl::BytesToHexString(SealOf(message)),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
            "b094dac5d93471bdec1a502270e3cc6c");
}

TEST(AeadTest, MatchesTestCase16AssociatedDataAndAPartOfABlock) {
  EXPECT_EQ(absl::BytesToHexString(SealOf(TestCase16())),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
            "76fc6ece0f4e1768cddf8853bb2d551b");
}

TEST(AeadTest, WhatWasSealedOpens) {
  for (const size_t size : {0, 1, 15, 16, 17, 1000}) {
    Message message = TestCase16();
    message.plain = std::string(size, 'x');
    std::vector<uint8_t> opened(size);
    MR_EXPECT_OK(
        Open(message.key, message.nonce, message.associated_data, SealOf(message), opened));
    EXPECT_THAT(opened, ElementsAreArray(Octets(message.plain))) << size;
  }
}

class TamperedAeadTest : public ::testing::Test {
 protected:
  // Refused, the caller's memory wiped, and no error left in OpenSSL's queue.
  void ExpectRefused(absl::string_view what) {
    std::vector<uint8_t> opened(message_.plain.size(), 0xff);
    EXPECT_THAT(Open(message_.key, message_.nonce, message_.associated_data, sealed_, opened),
                IsStatus(kTampered, HasSubstr("its tag does not fit")))
        << what;
    EXPECT_THAT(opened, Each(0)) << what;
    EXPECT_EQ(ERR_peek_error(), 0u) << what;
  }

  Message message_ = TestCase16();
  std::string sealed_ = SealOf(message_);
};

TEST_F(TamperedAeadTest, AChangedBitOfCiphertextOrTagIsRefused) {
  for (char& byte : sealed_) {
    byte ^= 0x10;
    ExpectRefused("a bit of the sealed message");
    byte ^= 0x10;
  }
}

TEST_F(TamperedAeadTest, OtherAssociatedDataIsRefused) {
  message_.associated_data[3] ^= 1;
  ExpectRefused("a bit of the associated data");
  message_.associated_data.clear();
  ExpectRefused("no associated data");
}

TEST_F(TamperedAeadTest, AnotherNonceIsRefused) {
  message_.nonce[11] ^= 1;
  ExpectRefused("a bit of the nonce");
}

TEST_F(TamperedAeadTest, AnotherKeyIsRefused) {
  message_.key.mutable_bytes()[0] ^= 1;
  ExpectRefused("a bit of the key");
}

TEST_F(TamperedAeadTest, AnotherLengthIsRefusedNamingBoth) {
  std::vector<uint8_t> opened(message_.plain.size());
  for (const size_t size : {size_t{0}, size_t{15}, sealed_.size() - 1, sealed_.size() + 1}) {
    const std::string cut = (sealed_ + 'x').substr(0, size);
    EXPECT_THAT(Open(message_.key, message_.nonce, message_.associated_data, cut, opened),
                IsStatus(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(absl::StrCat(size, " bytes")), HasSubstr("expected 76"))));
  }
}

}  // namespace
}  // namespace millrace
