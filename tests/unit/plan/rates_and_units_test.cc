// SPDX-License-Identifier: Apache-2.0
#include "plan/rates_and_units.h"

#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;

TEST(RatesTest, AreTheSameToAHundredThousandth) {
  EXPECT_TRUE(IsSameRate(12'000, 12'000));
  EXPECT_TRUE(IsSameRate(16.66667, 50.0 / 3));
  EXPECT_FALSE(IsSameRate(12'000, 1'000));
  EXPECT_FALSE(IsSameRate(25.6, 25.601));
}

TEST(RatesTest, RowsLieAWholeNumberOfNanosecondsApart) {
  EXPECT_TRUE(HasPeriod(10, 100'000'000));
  EXPECT_TRUE(HasPeriod(300'000, 3333));
  EXPECT_FALSE(HasPeriod(300'000, 3334));
  EXPECT_FALSE(HasPeriod(10, 50'000'000));
}

TEST(UnitsTest, DifferWhereBothAreSaidAndSpelledOtherwise) {
  EXPECT_TRUE(IsOtherUnit("g", "m/s^2"));
  EXPECT_TRUE(IsOtherUnit("mm/s", "MM/s"));
  EXPECT_FALSE(IsOtherUnit("g", "g"));
  EXPECT_FALSE(IsOtherUnit("", "g"));
  EXPECT_FALSE(IsOtherUnit("g", ""));
}

TEST(UnitsTest, AreReadWithoutTheBlanksAroundThem) {
  MR_ASSERT_OK_AND_ASSIGN(TomlTable table,
                          TomlTable::Parse("unit = ' m / s '\nunits = [' °C', '', '%\t']"));
  std::string unit;
  std::vector<std::string> units;
  EXPECT_TRUE(ReadUnit(table, "unit", &unit));
  EXPECT_TRUE(ReadUnits(table, "units", &units));
  MR_EXPECT_OK(table.Finish());
  EXPECT_EQ(unit, "m / s");
  EXPECT_THAT(units, ElementsAre("°C", "", "%"));
}

TEST(UnitsTest, WhatATerminalWouldObeyIsNone) {
  for (const char* text : {"units = [\"g\", \"\\u001b[2J\"]", "units = ['g', '''a\nb''']"}) {
    MR_ASSERT_OK_AND_ASSIGN(TomlTable table, TomlTable::Parse(text));
    std::vector<std::string> units;
    EXPECT_FALSE(ReadUnits(table, "units", &units));
    EXPECT_THAT(table.Finish(),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("no control characters")));
  }
  MR_ASSERT_OK_AND_ASSIGN(TomlTable table,
                          TomlTable::Parse("unit = \"" + std::string(65, 'm') + "\""));
  std::string unit;
  EXPECT_FALSE(ReadUnit(table, "unit", &unit));
  EXPECT_THAT(table.Finish(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("at most 64 bytes")));
}

}  // namespace
}  // namespace millrace
