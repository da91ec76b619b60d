// SPDX-License-Identifier: Apache-2.0
#include "client/live/timestamps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace millrace {
namespace {

using ::testing::Optional;

constexpr int64_t kMoment = 1767225600'123'000'000;  // 2026-01-01 00:00:00.123 UTC

TEST(TimestampsTest, TellsTheUnitOfANumberByItsSize) {
  EXPECT_THAT(TimeOfInteger(TimeFormat::kAuto, 1767225600), Optional(1767225600'000'000'000));
  EXPECT_THAT(TimeOfInteger(TimeFormat::kAuto, 1767225600'123), Optional(kMoment));
  EXPECT_THAT(TimeOfInteger(TimeFormat::kAuto, 1767225600'123'000), Optional(kMoment));
  EXPECT_THAT(TimeOfInteger(TimeFormat::kAuto, kMoment), Optional(kMoment));
}

TEST(TimestampsTest, KeepsAUnitThatIsTold) {
  EXPECT_THAT(TimeOfInteger(TimeFormat::kMilliseconds, 5000), Optional(5'000'000'000));
  EXPECT_THAT(TimeOfNumber(TimeFormat::kMicroseconds, 1.5), Optional(1500));
}

TEST(TimestampsTest, FractionsOfASecondAreGoodToAMicrosecond) {
  EXPECT_NEAR(static_cast<double>(*TimeOfNumber(TimeFormat::kAuto, 1767225600.123) - kMoment), 0,
              1000);
}

TEST(TimestampsTest, ReadsRfc3339AndWhatIsCloseToIt) {
  for (const char* const text :
       {"2026-01-01T00:00:00.123Z", "2026-01-01t01:00:00.123+01:00", "2026-01-01 00:00:00.123Z",
        "2026-01-01T00:00:00.123", "2026-01-01 00:00:00.123", "1767225600123"}) {
    EXPECT_THAT(TimeOfText(TimeFormat::kAuto, text), Optional(kMoment)) << text;
  }
}

TEST(TimestampsTest, TimeWithoutAnOffsetIsOfTheOneGiven) {
  constexpr int64_t kHour = 3600;
  for (const char* const text :
       {"2026-01-01T02:00:00.123", "2026-01-01 02:00:00.123", "2026-01-01T00:00:00.123Z",
        "2026-01-01T01:00:00.123+01:00", "1767225600123"}) {
    EXPECT_THAT(TimeOfText(TimeFormat::kAuto, text, 2 * kHour), Optional(kMoment)) << text;
  }
}

TEST(TimestampsTest, ReadsOffsetsToUtc) {
  EXPECT_THAT(ParseUtcOffset("+02:00"), Optional(7200));
  EXPECT_THAT(ParseUtcOffset("-05:30"), Optional(-19'800));
  EXPECT_THAT(ParseUtcOffset("Z"), Optional(0));
  for (const char* const text : {"", "2", "CET", "+15:00", "-13:00", "+02:00+01:00"}) {
    EXPECT_EQ(ParseUtcOffset(text), std::nullopt) << text;
  }
}

TEST(TimestampsTest, RefusesWhatIsNoTime) {
  for (const char* const text : {"", "now", "2026-13-01T00:00:00Z", "1960-01-01T00:00:00Z",
                                 "3000-01-01T00:00:00Z", "infinite-future", "nan", "inf", "-1"}) {
    EXPECT_EQ(TimeOfText(TimeFormat::kAuto, text), std::nullopt) << text;
  }
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(TimeOfInteger(TimeFormat::kSeconds, kMost), std::nullopt);
  EXPECT_EQ(TimeOfNumber(TimeFormat::kAuto, std::numeric_limits<double>::quiet_NaN()),
            std::nullopt);
  EXPECT_EQ(TimeOfNumber(TimeFormat::kAuto, -1), std::nullopt);
  EXPECT_EQ(TimeOfInteger(TimeFormat::kRfc3339, 1767225600), std::nullopt);
}

}  // namespace
}  // namespace millrace
