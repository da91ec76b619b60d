// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Text, IsCutBetweenCharacters) {
  const std::string accents = "a\xc3\xa9\xc3\xa9";
  EXPECT_EQ(Utf8(accents), accents);
  EXPECT_EQ(Utf8(accents, 5), accents);
  EXPECT_EQ(Utf8(accents, 4), "a\xc3\xa9");
  EXPECT_EQ(Utf8(accents, 3), "a\xc3\xa9");
  EXPECT_EQ(Utf8(accents, 2), "a");
  EXPECT_EQ(Utf8(accents, 0), "");
  const std::string factory = "\xf0\x9f\x8f\xad";
  EXPECT_EQ(Utf8(factory, 4), factory);
  EXPECT_EQ(Utf8(factory, 3), "");
}

TEST(Text, BytesThatAreNoCharacterAreQuestionMarks) {
  EXPECT_EQ(Utf8("a\xc3"), "a?");
  EXPECT_EQ(Utf8("\xa9z"), "?z");
  EXPECT_EQ(Utf8("\xff\xfe"), "??");
  EXPECT_EQ(Utf8("\xc0\xaf"), "??") << "not the shortest form";
  EXPECT_EQ(Utf8("\xe0\x80\xaf"), "???") << "not the shortest form";
  EXPECT_EQ(Utf8("\xed\xa0\x80"), "???") << "a surrogate";
  EXPECT_EQ(Utf8("\xf4\x90\x80\x80"), "????") << "beyond the last character";
  EXPECT_EQ(Utf8("\xe2\x82\xac"), "\xe2\x82\xac");
}

TEST(Text, WhatATerminalWouldObeyIsEscaped) {
  EXPECT_EQ(Printable("\x1b[2Jgone\a"), "\\x1b[2Jgone\\x07");
  EXPECT_EQ(Printable("a\xc2\x9b"
                      "31mb"),
            "a\\xc2\\x9b31mb");  // U+009B begins a sequence
  EXPECT_EQ(Printable("a\x9b"
                      "31mb"),
            "a?31mb");  // as it does alone, for a terminal that does not know UTF-8
  EXPECT_EQ(Printable("two\nlines"), "two lines");
  EXPECT_EQ(Printable("\xc2\xb5m \xc3\xa9"), "\xc2\xb5m \xc3\xa9");
}

}  // namespace
}  // namespace millrace
