// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/sensor_fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNan;
using testing::IsStatus;

/// Ten values 100, 101, ... a second apart, through the fault.
std::vector<float> ReadThrough(const std::string& fault) {
  FaultySensor sensor(ParseSensorFault(fault).value(), Random(1));
  std::vector<float> values;
  for (int second = 0; second < 6; ++second) {
    values.push_back(sensor.Read(second, static_cast<float>(100 + second)));
  }
  return values;
}

TEST(SensorFaultTest, AStuckSensorSaysWhatItSaidAtTheBeginning) {
  EXPECT_THAT(ReadThrough("m/c:stuck@2:5"), ElementsAre(100, 101, 102, 102, 102, 105));
}

TEST(SensorFaultTest, ADropoutSaysNothing) {
  EXPECT_THAT(ReadThrough("m/c:dropout@2:4"), ElementsAre(100, 101, IsNan(), IsNan(), 104, 105));
}

TEST(SensorFaultTest, ADriftGrowsBySecond) {
  EXPECT_THAT(ReadThrough("m/c:drift=10@2:5"), ElementsAre(100, 101, 102, 113, 124, 105));
}

TEST(SensorFaultTest, AnOffsetStays) {
  EXPECT_THAT(ReadThrough("m/c:offset=-50@0:2"), ElementsAre(50, 51, 102, 103, 104, 105));
}

TEST(SensorFaultTest, SpikesAreSingleValues) {
  FaultySensor sensor(ParseSensorFault("m/c:spike=7@0:1000").value(), Random(1));
  int spikes = 0;
  for (int i = 0; i < 1000; ++i) {
    const float value = sensor.Read(i, 1);
    EXPECT_TRUE(value == 1 || value == 8);
    spikes += value == 8 ? 1 : 0;
  }
  EXPECT_GT(spikes, 5);
  EXPECT_LT(spikes, 50);
}

TEST(SensorFaultTest, NamesMachineAndChannel) {
  MR_ASSERT_OK_AND_ASSIGN(const SensorFault fault,
                          ParseSensorFault("machine-2/b1_temp:offset=2.5@60:90"));
  EXPECT_EQ(fault.machine, "machine-2");
  EXPECT_EQ(fault.channel, "b1_temp");
  EXPECT_EQ(fault.kind, SensorFaultKind::kOffset);
  EXPECT_EQ(fault.size, 2.5);
}

class SensorFaultRefusalTest : public ::testing::TestWithParam<const char*> {};

TEST_P(SensorFaultRefusalTest, SaysWhatIsExpected) {
  EXPECT_THAT(ParseSensorFault(GetParam()),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("expected MACHINE/CHANNEL:")));
}

INSTANTIATE_TEST_SUITE_P(, SensorFaultRefusalTest,
                         ::testing::Values("", "m/c", "m:stuck@1:2", "m/c:stuck@2:1",
                                           "m/c:stuck=1@1:2", "m/c:offset@1:2", "m/c:offset=x@1:2",
                                           "m/c:broken@1:2", "m/c:stuck@-1:2", "m/c:stuck@1"));

}  // namespace
}  // namespace millrace
