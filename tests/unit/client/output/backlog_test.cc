// SPDX-License-Identifier: Apache-2.0
#include "client/output/backlog.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Drain(Backlog& backlog) {
  std::vector<std::string> payloads;
  while (const auto message = backlog.Take()) payloads.push_back(message->payload);
  return payloads;
}

TEST(BacklogTest, KeepsTheOrder) {
  Backlog backlog(3);
  for (const char* payload : {"1", "2", "3"}) EXPECT_EQ(backlog.Push({"t", payload}), 0);
  EXPECT_THAT(Drain(backlog), ElementsAre("1", "2", "3"));
  EXPECT_TRUE(backlog.empty());
}

TEST(BacklogTest, OldestGoesThatIsNoAlarm) {
  Backlog backlog(3);
  backlog.Push({"t", "1"});
  backlog.Push({"t", "alarm", true});
  backlog.Push({"t", "3"});
  EXPECT_EQ(backlog.Push({"t", "4"}), 1);
  EXPECT_EQ(backlog.Push({"t", "5"}), 1);
  EXPECT_THAT(Drain(backlog), ElementsAre("alarm", "4", "5"));
}

TEST(BacklogTest, AmongAlarmsTheNewestStay) {
  Backlog backlog(2);
  for (const char* payload : {"1", "2", "3"}) backlog.Push({"t", payload, true});
  EXPECT_EQ(backlog.Push({"t", "normal"}), 1) << "itself: the others are alarms";
  EXPECT_THAT(Drain(backlog), ElementsAre("2", "3"));
}

TEST(BacklogTest, WhatIsPutBackComesFirstAndMakesNoRoomForItself) {
  Backlog backlog(2);
  backlog.Push({"t", "3", true});
  backlog.Push({"t", "4"});
  backlog.PutBack({"t", "2"});
  backlog.PutBack({"t", "1", true});
  EXPECT_EQ(backlog.Trim(), 2);
  EXPECT_THAT(Drain(backlog), ElementsAre("1", "3"));
  EXPECT_EQ(backlog.Trim(), 0);
  EXPECT_THAT(Drain(backlog), IsEmpty());
}

TEST(BacklogTest, OrderHoldsBetweenAlarmsAndOthersThatArePutBack) {
  Backlog backlog(10);
  backlog.Push({"t", "4", true});
  backlog.Push({"t", "5"});
  backlog.Push({"t", "6", true});
  backlog.PutBack({"t", "3"});
  backlog.PutBack({"t", "2", true});
  backlog.PutBack({"t", "1"});
  EXPECT_EQ(backlog.size(), 6);
  EXPECT_THAT(Drain(backlog), ElementsAre("1", "2", "3", "4", "5", "6"));
}

TEST(BacklogTest, EvictionTakesNoLongerWhereManyAlarmsWait) {
  constexpr int64_t kAlarms = 100'000;
  Backlog backlog(kAlarms + 1);
  for (int64_t i = 0; i < kAlarms; ++i) backlog.Push({"t", "alarm", true});
  // With a look at each alarm this would be 10^10 of them.
  for (int64_t i = 0; i < kAlarms; ++i) {
    ASSERT_EQ(backlog.Push({"t", "normal"}), i == 0 ? 0 : 1);
    if (i % 2 == 0) backlog.PutBack(*backlog.Take());
  }
  EXPECT_EQ(backlog.size(), kAlarms + 1);
}

TEST(BacklogTest, NoMixOfCallsLosesAnAlarmThatHasRoom) {
  Backlog backlog(4);
  for (int i = 0; i < 200; ++i) {
    backlog.Push({"t", "normal"});
    if (i % 50 == 0) backlog.Push({"t", "alarm", true});
    if (i % 7 == 0) {
      if (auto message = backlog.Take()) backlog.PutBack(*std::move(message));
    }
  }
  EXPECT_THAT(Drain(backlog), ElementsAre("alarm", "alarm", "alarm", "alarm"));
}

}  // namespace
}  // namespace millrace
