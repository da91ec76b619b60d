// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/wear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

TEST(WearTest, ASpallGrowsInProportionToItselfFromItsOnsetToOneAtTheFailure) {
  const Wear wear{"machine-1", 1, FaultKind::kOuter, 100, 300};
  EXPECT_EQ(SpallAt(wear, 99.9), 0);
  EXPECT_NEAR(SpallAt(wear, 100), kSpallAtOnset, 1e-12);
  EXPECT_NEAR(SpallAt(wear, 200) / SpallAt(wear, 150), SpallAt(wear, 250) / SpallAt(wear, 200),
              1e-12);
  EXPECT_NEAR(SpallAt(wear, 300), 1, 1e-12);
}

TEST(WearTest, IsReadFromText) {
  MR_ASSERT_OK_AND_ASSIGN(const Wear wear, ParseWear("machine-3:2:inner@60:90.5"));
  EXPECT_EQ(wear.machine, "machine-3");
  EXPECT_EQ(wear.bearing, 2);
  EXPECT_EQ(wear.fault, FaultKind::kInner);
  EXPECT_EQ(wear.onset_s, 60);
  EXPECT_EQ(wear.failure_s, 90.5);
}

class WearRefusalTest : public ::testing::TestWithParam<const char*> {};

TEST_P(WearRefusalTest, SaysWhatIsExpected) {
  EXPECT_THAT(ParseWear(GetParam()),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("expected MACHINE:BEARING:")));
}

INSTANTIATE_TEST_SUITE_P(, WearRefusalTest,
                         ::testing::Values("", "machine-3", "machine-3:2:inner", ":1:outer@1:2",
                                           "m:0:outer@1:2", "m:1:normal@1:2", "m:1:outer@2:2",
                                           "m:1:outer@-1:2", "m:1:outer@nan:2", "m:1:outer@1:inf",
                                           "m:1:outer@1:2:3", "m:1:outer@1:2@3"));

}  // namespace
}  // namespace millrace
