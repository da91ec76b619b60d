// SPDX-License-Identifier: Apache-2.0
#include "plan/nearest_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace {
namespace {

const std::vector<absl::string_view> kKeys = {"learning_rate", "momentum", "epochs", "min", "max"};

TEST(EditDistanceTest, MatchesPublishedExamples) {
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("saturday", "sunday"), 3u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
  EXPECT_EQ(EditDistance("same", "same"), 0u);
}

TEST(NearestNameTest, FindsAMisspelling) {
  EXPECT_EQ(NearestName("lerning_rate", kKeys), "learning_rate");
  EXPECT_EQ(NearestName("learning-rate", kKeys), "learning_rate");
  EXPECT_EQ(NearestName("epoch", kKeys), "epochs");
}

TEST(NearestNameTest, ShortNamesAllowOneEdit) {
  EXPECT_EQ(NearestName("mn", kKeys), "min");
  EXPECT_EQ(NearestName("m", kKeys), "");
}

TEST(NearestNameTest, NothingIsNearAnUnrelatedName) {
  EXPECT_EQ(NearestName("colour", kKeys), "");
  EXPECT_EQ(NearestName("", kKeys), "");
  EXPECT_EQ(NearestName(std::string(1 << 20, 'm'), kKeys), "");
}

TEST(NearestNameTest, TheFirstOfEquallyNearNamesIsTaken) {
  EXPECT_EQ(NearestName("mix", kKeys), "min");  // max is as near
}

}  // namespace
}  // namespace millrace
