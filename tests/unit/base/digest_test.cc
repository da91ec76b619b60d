// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/digest.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

// FIPS 180-2, appendix B, and NIST's example for the empty message.
TEST(Sha256Test, MatchesTheStandardsExamples) {
  EXPECT_EQ(Sha256Of("").Hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Of("abc").Hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").Hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Of(std::string(1'000'000, 'a')).Hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, PiecesGiveTheDigestOfTheWhole) {
  const std::string text(1000, 'x');
  for (const size_t cut : {0u, 1u, 63u, 64u, 65u, 999u, 1000u}) {
    Sha256 hasher;
    hasher.Update({text.data(), cut});
    hasher.Update({text.data() + cut, text.size() - cut});
    EXPECT_EQ(hasher.Finish(), Sha256Of(text)) << "cut at " << cut;
  }
}

TEST(DigestTest, HexRoundTrips) {
  const Digest digest = Sha256Of("abc");
  EXPECT_THAT(Digest::FromHex(digest.Hex()), testing::IsOkAndHolds(digest));
}

TEST(DigestTest, UpperCaseHexIsAccepted) {
  EXPECT_THAT(Digest::FromHex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
              testing::IsOkAndHolds(Sha256Of("abc")));
}

TEST(DigestTest, WhatIsNotSixtyFourHexadecimalDigitsIsRefused) {
  const std::string hex = Sha256Of("abc").Hex();
  for (const std::string& bad : {std::string(), hex.substr(1), absl::StrCat(hex, "0"),
                                 absl::StrCat("g", hex.substr(1)), absl::StrCat(" ", hex.substr(1)),
                                 absl::StrCat(hex.substr(0, 63), absl::string_view("\0", 1))}) {
    EXPECT_THAT(Digest::FromHex(bad), testing::IsStatus(absl::StatusCode::kInvalidArgument,
                                                        HasSubstr("64 hexadecimal digits")))
        << '"' << bad << '"';
  }
}

TEST(DigestTest, OrdersByBytes) {
  Digest low, high;
  low.bytes[0] = 0x7f;
  high.bytes[0] = 0x80;
  EXPECT_LT(low, high);
}

TEST(DigestTest, BytesComeBackAndOtherLengthsAreRefused) {
  const Digest digest = Sha256Of("abc");
  EXPECT_EQ(digest.ToBytes().size(), 32u);
  EXPECT_EQ(Digest::FromBytes(digest.ToBytes()).value(), digest);
  for (const size_t length : {0, 31, 33}) {
    EXPECT_EQ(Digest::FromBytes(std::string(length, 'x')).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace millrace
