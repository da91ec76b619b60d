// SPDX-License-Identifier: Apache-2.0
#include "client/store/alarm_times.h"

#include <gmock/gmock.h>

#include <limits>
#include <set>

#include "base/random.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/store/stored_rows_testing.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kSecond;
using ::testing::Pair;
using testing::SomeRows;

AlarmTimes::Intervals OfPump(const AlarmTimes& alarms) { return alarms.by_machine().at("pump"); }

TEST(AlarmTimesTest, IntervalsThatTouchAreOne) {
  AlarmTimes alarms;
  EXPECT_TRUE(alarms.Add("pump", 100, 109));
  EXPECT_TRUE(alarms.Add("pump", 200, 209));
  EXPECT_TRUE(alarms.Add("pump", 109, 120));
  EXPECT_THAT(OfPump(alarms), ElementsAre(Pair(100, 120), Pair(200, 209)));
  EXPECT_TRUE(alarms.Add("pump", 150, 160));
  EXPECT_TRUE(alarms.Add("pump", 50, 199));
  EXPECT_THAT(OfPump(alarms), ElementsAre(Pair(50, 199), Pair(200, 209)));
  EXPECT_TRUE(alarms.Add("pump", 60, 70));
  EXPECT_TRUE(alarms.Add("fan", 60, 70));
  EXPECT_EQ(alarms.size(), 3);
}

TEST(AlarmTimesTest, CoverWhatWasAddedAndNothingElse) {
  Random random(1);
  AlarmTimes alarms;
  std::set<int64_t> covered;
  for (int i = 0; i < 100; ++i) {
    const auto first = static_cast<int64_t>(random.Below(2000));
    const auto last = first + static_cast<int64_t>(random.Below(10));
    alarms.Add("pump", first * kSecond, last * kSecond);
    for (int64_t second = first; second <= last; ++second) covered.insert(second);
    StoredRows rows = SomeRows("pump", 0, 2100);
    alarms.Mark(rows);
    for (int64_t second = 0; second < 2100; ++second) {
      ASSERT_EQ(rows.alarms[second] != 0, covered.contains(second)) << second;
    }
  }
}

TEST(AlarmTimesTest, RowsAreMarkedThoughTheirTimesAreALittleOff) {
  AlarmTimes alarms;
  alarms.Add("pump", 102 * kSecond + 1000, 104 * kSecond - 1000);
  StoredRows rows = SomeRows("pump", 100, 6);
  alarms.Mark(rows);
  EXPECT_THAT(rows.alarms, ElementsAre(0, 0, 1, 1, 1, 0));
  rows = SomeRows("pump", 105, 6);
  alarms.Mark(rows);
  EXPECT_THAT(rows.alarms, IsEmpty()) << "it never was";
  rows = SomeRows("fan", 100, 6);
  alarms.Mark(rows);
  EXPECT_THAT(rows.alarms, IsEmpty());
}

TEST(AlarmTimesTest, MarksOfBeforeStay) {
  AlarmTimes alarms;
  alarms.Add("pump", 102 * kSecond, 102 * kSecond);
  StoredRows rows = SomeRows("pump", 100, 4);
  rows.alarms = {1, 0, 0, 0};
  alarms.Mark(rows);
  EXPECT_THAT(rows.alarms, ElementsAre(1, 0, 1, 0));
  StoredRows longer = SomeRows("pump", 98, 2);
  ASSERT_TRUE(longer.Continue(rows, 100));
  MR_ASSERT_OK_AND_ASSIGN(const StoredRows read, StoredRows::Parse(longer.ToBytes()));
  EXPECT_THAT(read.alarms, ElementsAre(0, 0, 1, 0, 1, 0));
}

TEST(AlarmTimesTest, TooManyCostTheNormalTimeBetweenTheOldest) {
  AlarmTimes alarms(3);
  alarms.Add("fan", 0, 1);
  for (int64_t i = 0; i < 4; ++i) alarms.Add("pump", 100 * i, 100 * i + 9);
  EXPECT_THAT(OfPump(alarms), ElementsAre(Pair(0, 209), Pair(300, 309)));
  AlarmTimes others;
  others.Add("press", 0, 1);
  others.Add("saw", 0, 1);
  alarms.Add(others);
  EXPECT_THAT(OfPump(alarms), ElementsAre(Pair(0, 309)));
  EXPECT_EQ(alarms.size(), 4) << "each machine keeps one";
}

TEST(AlarmTimesTest, GoWithTheirRows) {
  AlarmTimes alarms;
  alarms.Add("pump", 100, 109);
  alarms.Add("pump", 200, 209);
  alarms.Add("fan", 100, 109);
  alarms.DropBefore(109);
  EXPECT_EQ(alarms.size(), 3);
  alarms.DropBefore(110);
  EXPECT_EQ(alarms.size(), 1);
  EXPECT_THAT(OfPump(alarms), ElementsAre(Pair(200, 209)));
  alarms.DropBefore(1000);
  EXPECT_TRUE(alarms.empty());
  EXPECT_THAT(alarms.by_machine(), IsEmpty());
}

TEST(AlarmTimesTest, WhatCanBeNoneIsRefused) {
  AlarmTimes alarms;
  EXPECT_FALSE(alarms.Add("", 1, 2));
  EXPECT_FALSE(alarms.Add("two\nlines", 1, 2));
  EXPECT_FALSE(alarms.Add(std::string(257, 'x'), 1, 2));
  EXPECT_FALSE(alarms.Add("pump", 2, 1));
  EXPECT_FALSE(alarms.Add("pump", 1, std::numeric_limits<int64_t>::max()));
  EXPECT_FALSE(alarms.Add("pump", std::numeric_limits<int64_t>::min(), 1));
  EXPECT_TRUE(alarms.empty());
}

}  // namespace
}  // namespace millrace
