// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <limits>

#include "coordinator/cli/table.h"
#include "coordinator/cli/units.h"

namespace millrace {
namespace {

TEST(CliUnits, BytesHaveThreeDigitsAndTheUnitThatFits) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(1'500), "1.50 kB");
  EXPECT_EQ(HumanBytes(37'640'000), "37.6 MB");
  EXPECT_EQ(HumanBytes(int64_t{412} << 30), "442 GB");
  EXPECT_EQ(HumanBytes(std::numeric_limits<int64_t>::max()), "9.22 EB");
}

TEST(CliUnits, BytesThatRoundUpToTheNextUnitTakeIt) {
  EXPECT_EQ(HumanBytes(999'499), "999 kB");
  EXPECT_EQ(HumanBytes(999'500), "1.00 MB");
  EXPECT_EQ(HumanBytes(9'996), "10.0 kB");
}

TEST(CliUnits, DurationsNeverReadSixtySecondsOrMinutes) {
  EXPECT_EQ(HumanDuration(absl::Milliseconds(12)), "12 ms");
  EXPECT_EQ(HumanDuration(absl::Milliseconds(3'100)), "3.1 s");
  EXPECT_EQ(HumanDuration(absl::Milliseconds(59'949)), "59.9 s");
  EXPECT_EQ(HumanDuration(absl::Milliseconds(59'960)), "1 min");
  EXPECT_EQ(HumanDuration(absl::Seconds(303)), "5 min 3 s");
  EXPECT_EQ(HumanDuration(absl::Minutes(125)), "2 h 5 min");
  EXPECT_EQ(HumanDuration(absl::Hours(76)), "3 d 4 h");
}

TEST(CliUnits, ADurationThatClocksMakeNegativeReadsAsNone) {
  EXPECT_EQ(HumanDuration(-absl::Seconds(5)), "0 ms");
}

TEST(CliUnits, ARateWithoutTimeIsNone) {
  EXPECT_EQ(HumanRate(37'600'000, absl::Seconds(2)), "18.8 MB/s");
  EXPECT_EQ(HumanRate(100, absl::Seconds(1)), "100 B/s");
  EXPECT_EQ(HumanRate(100, absl::ZeroDuration()), "-");
}

TEST(CliUnits, CountsHaveSeparators) {
  EXPECT_EQ(HumanCount(0), "0");
  EXPECT_EQ(HumanCount(999), "999");
  EXPECT_EQ(HumanCount(1'345), "1,345");
  EXPECT_EQ(HumanCount(-12'345'678), "-12,345,678");
}

TEST(CliUnits, NumbersHaveThreeSignificantDigits) {
  EXPECT_EQ(HumanNumber(0.012345), "0.0123");
  EXPECT_EQ(HumanNumber(14.23), "14.2");
  EXPECT_EQ(HumanNumber(27), "27.0");
  EXPECT_EQ(HumanNumber(446.2), "446");
  EXPECT_EQ(HumanNumber(1508.4), "1508");
  EXPECT_EQ(HumanNumber(std::numeric_limits<double>::quiet_NaN()), "nan");
}

TEST(CliUnits, TimesAreShownInTheZoneAndAbsentOnesAsNothing) {
  constexpr int64_t kMs = 1767225600'250;  // 2026-01-01 00:00:00.250 UTC
  EXPECT_EQ(HumanTime(kMs, absl::FixedTimeZone(3600)), "2026-01-01 01:00:00");
  EXPECT_EQ(HumanTime(0, absl::UTCTimeZone()), "-");
  EXPECT_EQ(UtcTime(kMs), "2026-01-01T00:00:00.250Z");
}

TEST(CliUnits, FitCutsBetweenCharacters) {
  EXPECT_EQ(DisplayWidth("\xc2\xb5m"), 2u);
  EXPECT_EQ(Fit("\xc2\xb5m", 1), "\xc2\xb5");
  EXPECT_EQ(Fit("abc", 3), "abc");
  EXPECT_EQ(Fit("abc", 0), "");
}

TEST(CliTable, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({"RUN", ">VERSION", "NOTE"});
  EXPECT_TRUE(table.empty());
  table.AddRow({"a", "7", ""});
  table.AddRow({"turbofan", "12345678", "x"});
  EXPECT_EQ(table.Text(),
            "RUN        VERSION  NOTE\n"
            "a                7\n"
            "turbofan  12345678  x\n");
}

TEST(CliTable, CellsCannotBreakTheirLine) {
  Table table({"SITE"});
  table.AddRow({"press\n7\x1b[31m"});
  EXPECT_EQ(table.Text(), "SITE\npress 7\\x1b[31m\n");
}

TEST(CliTable, PairsWithoutValueAreLeftOut) {
  EXPECT_EQ(KeyValueText({{"run", "a"}, {"a long one", ""}, {"state", "b"}}),
            "run    a\nstate  b\n");
}

}  // namespace
}  // namespace millrace
