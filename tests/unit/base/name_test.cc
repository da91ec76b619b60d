// SPDX-License-Identifier: Apache-2.0
#include "base/name.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

TEST(NameTest, LettersDigitsAndThreeMarksAreAccepted) {
  for (const std::string& name :
       {std::string("a"), std::string("Press_7.b-2"), std::string("..."), std::string(64, 'z')}) {
    MR_EXPECT_OK(CheckName("site", name));
  }
}

TEST(NameTest, WhatCouldLeaveAFolderOrAUriIsRefused) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a b"),
        std::string("a\0", 2), std::string("a\n"), std::string("a%"), std::string("\xc3\xa9"),
        std::string(65, 'z')}) {
    EXPECT_THAT(CheckName("site", name),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("site name")));
  }
}

TEST(NameTest, ARefusalQuotesHarmlesslyAndShort) {
  const absl::Status refused = CheckName("site", "\x1b[2J" + std::string(10'000, 'x'));
  EXPECT_THAT(refused, IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("\\x1b[2J")));
  EXPECT_LT(refused.message().size(), 250u);
}

}  // namespace
}  // namespace millrace
