// SPDX-License-Identifier: Apache-2.0
#include "client/release/model_health.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

using Finding = ModelHealth::Finding;

TEST(ModelHealthTest, ModelThatFailsFromTheBeginningIsIllAfterThreeWindows) {
  ModelHealth health;
  EXPECT_EQ(health.Judge({2, 2, 0}), Finding::kWell);
  EXPECT_EQ(health.Judge({3, 3, 0}), Finding::kFails);
}

TEST(ModelHealthTest, OneWindowInAHundredIsTooManyAndOneInTwoHundredIsNot) {
  EXPECT_EQ(ModelHealth().Judge({400, 4, 0}), Finding::kFails);
  EXPECT_EQ(ModelHealth().Judge({600, 3, 0}), Finding::kWell);
}

TEST(ModelHealthTest, MillionGoodWindowsDoNotExcuseABadHundred) {
  ModelHealth health;
  ModelCounts counts;
  for (int i = 0; i < 2000; ++i) {
    counts.windows += 500;
    ASSERT_EQ(health.Judge(counts), Finding::kWell);
  }
  counts.windows += 100;
  counts.faults += 20;
  EXPECT_EQ(health.Judge(counts), Finding::kFails);
}

TEST(ModelHealthTest, OldFaultsAreForgotten) {
  ModelHealth health;
  ModelCounts counts{1000, 9, 0};
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(health.Judge(counts), Finding::kWell) << i;
    counts.windows += 400;
    counts.faults += 2;
  }
}

TEST(ModelHealthTest, ModelIsSlowWhereMostWindowsAreUnlessTheyAreForgiven) {
  ModelHealth health;
  EXPECT_EQ(health.Judge({90, 0, 90}), Finding::kWell);
  EXPECT_EQ(health.Judge({250, 0, 100}), Finding::kWell);
  EXPECT_EQ(health.Judge({260, 0, 140}), Finding::kSlow);
  health.Forgive({260, 0, 140});
  EXPECT_EQ(health.Judge({300, 0, 180}), Finding::kWell);
  EXPECT_EQ(health.Judge({360, 0, 240}), Finding::kSlow);
}

}  // namespace
}  // namespace millrace
