// SPDX-License-Identifier: Apache-2.0
#include "client/live/topic_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/live/watchdog.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::HasSubstr;

TopicPattern Pattern(const char* text) { return TopicPattern::Parse(text).value(); }

TEST(TopicPatternTest, PlaceholdersAreWildcardsToTheBroker) {
  EXPECT_EQ(Pattern("plant/{machine}/+/{channel}").filter(), "plant/+/+/+");
  EXPECT_EQ(Pattern("plant/pump-1/#").filter(), "plant/pump-1/#");
}

TEST(TopicPatternTest, FindsMachineAndChannelInATopic) {
  const auto names = Pattern("plant/{machine}/+/{channel}").Match("plant/pump-1/x/current");
  ASSERT_TRUE(names);
  EXPECT_EQ(names->machine, "pump-1");
  EXPECT_EQ(names->channel, "current");
}

TEST(TopicPatternTest, LeavesOpenWhatTheTopicDoesNotSay) {
  const auto names = Pattern("plant/{machine}/#").Match("plant/pump-1/x/current");
  ASSERT_TRUE(names);
  EXPECT_EQ(names->machine, "pump-1");
  EXPECT_EQ(names->channel, "");
  EXPECT_FALSE(Pattern("plant/{machine}/#").names_channel());
}

TEST(TopicPatternTest, ManyLevelsMayAlsoBeNone) {
  EXPECT_TRUE(Pattern("plant/#").Match("plant"));
  EXPECT_TRUE(Pattern("plant/#").Match("plant/a/b"));
}

TEST(TopicPatternTest, OtherTopicsDoNotMatch) {
  for (const char* const topic :
       {"plant", "plant/pump-1", "plant/pump-1/current/raw", "", "/", "plan/pump-1/current"}) {
    EXPECT_FALSE(Pattern("plant/{machine}/{channel}").Match(topic)) << topic;
  }
}

TEST(TopicPatternTest, RefusesLevelsThatCannotBe) {
  for (const char* const text : {"", "a/#/b", "a/b+", "a/{machine}x", "a/{unit}", "a/b#"}) {
    EXPECT_FALSE(TopicPattern::Parse(text).ok()) << text;
  }
  EXPECT_THAT(TopicPattern::Parse("{machine}/{machine}"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("{machine} stands twice")));
}

TEST(WatchdogTest, AsksAgainAfterOneSilenceAndReconnectsAfterTwo) {
  Watchdog watchdog(100);
  watchdog.Heard(1000);
  EXPECT_EQ(watchdog.Check(1100), Watchdog::Advice::kNothing);
  EXPECT_EQ(watchdog.Check(1101), Watchdog::Advice::kResubscribe);
  EXPECT_EQ(watchdog.Check(1150), Watchdog::Advice::kNothing) << "asked already";
  EXPECT_EQ(watchdog.Check(1201), Watchdog::Advice::kReconnect);
  watchdog.Heard(1202);
  EXPECT_EQ(watchdog.Check(1302), Watchdog::Advice::kNothing);
  EXPECT_EQ(watchdog.Check(1303), Watchdog::Advice::kResubscribe);
}

TEST(WatchdogTest, WithoutPatienceAnySilenceIsWell) {
  Watchdog watchdog(0);
  EXPECT_EQ(watchdog.Check(1'000'000), Watchdog::Advice::kNothing);
}

}  // namespace
}  // namespace millrace
