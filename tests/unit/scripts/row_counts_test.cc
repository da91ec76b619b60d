// SPDX-License-Identifier: Apache-2.0
#include "scripts/anomaly_benchmark/row_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(RowCountsTest, RatesAreThoseOfTheFourKindsOfRows) {
  const std::vector<uint8_t> alarmed = {1, 1, 1, 0, 0, 0, 0, 0};
  const std::vector<float> truth = {1, 1, 0, 1, 0, 0, 0, 0};
  RowCounts rows = CountRows(alarmed, truth);
  EXPECT_EQ(rows, (RowCounts{.found = 2, .missed = 1, .false_alarms = 1, .quiet = 4}));
  EXPECT_DOUBLE_EQ(rows.F1(), 2.0 / 3);  // precision and recall are both 2 / 3
  EXPECT_DOUBLE_EQ(rows.FalseAlarmRate(), 0.2);
  EXPECT_DOUBLE_EQ(rows.MissedAlarmRate(), 1.0 / 3);
  rows += RowCounts{.found = 1, .missed = 0, .false_alarms = 0, .quiet = 0};
  EXPECT_DOUBLE_EQ(rows.MissedAlarmRate(), 0.25);
}

// Windows of three rows beginning at rows 0 to 4, of seven rows.
TEST(RowCountsTest, ARowIsAlarmedIfEveryWindowIsThatContainsIt) {
  EXPECT_THAT(AlarmedRows(std::vector<uint8_t>{0, 1, 1, 1, 0}, 3, AlarmRule::kEvery),
              ElementsAre(0, 0, 0, 1, 0, 0, 0));
  EXPECT_THAT(AlarmedRows(std::vector<uint8_t>{1, 0, 0, 0, 1}, 3, AlarmRule::kEvery),
              ElementsAre(1, 0, 0, 0, 0, 0, 1));
  EXPECT_THAT(AlarmedRows(std::vector<uint8_t>{1, 1, 1, 1, 1}, 3, AlarmRule::kEvery),
              ElementsAre(1, 1, 1, 1, 1, 1, 1));
}

TEST(RowCountsTest, ARowIsAlarmedIfTheWindowIsThatEndsWithIt) {
  EXPECT_THAT(AlarmedRows(std::vector<uint8_t>{1, 0, 0, 1, 1}, 3, AlarmRule::kLast),
              ElementsAre(0, 0, 1, 0, 0, 1, 1));
}

TEST(RowCountsTest, AsTheNotebooksCountARowIsAlarmedByTheWindowsBeforeItAndNoneOfTheLastRowsIs) {
  EXPECT_THAT(AlarmedRows(std::vector<uint8_t>{0, 1, 1, 0, 1, 1, 1, 1}, 3, AlarmRule::kNotebook),
              ElementsAre(0, 0, 0, 1, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(AlarmedRows(std::vector<uint8_t>(8, 1), 3, AlarmRule::kNotebook),
              ElementsAre(0, 0, 1, 1, 1, 1, 0, 0, 0, 0));
}

TEST(RowCountsTest, RecordingsOfFewerRowsThanTwoWindowsAreJudgedToo) {
  EXPECT_THAT(AlarmedRows(std::vector<uint8_t>{1}, 3, AlarmRule::kEvery), ElementsAre(1, 1, 1));
  EXPECT_THAT(AlarmedRows(std::vector<uint8_t>{0, 1}, 3, AlarmRule::kEvery),
              ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(AlarmedRows({}, 3, AlarmRule::kEvery), IsEmpty());
}

TEST(RowCountsTest, QuantilesLieBetweenTheirNeighbours) {
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 3, 2}, 0), 1);
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 3, 2}, 1), 4);
  EXPECT_DOUBLE_EQ(Quantile({7}, 0.999), 7);
}

}  // namespace
}  // namespace millrace
