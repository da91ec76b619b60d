// SPDX-License-Identifier: Apache-2.0
#include "client/inference/input_check.h"

#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;

/// Two channels, of which the site says the unit of one.
MachineConfig PressesOfACheck() {
  MachineConfig machine;
  machine.names = {"press-7", "press-8"};
  machine.model = "presses";
  machine.rate_hz = 1000;
  machine.channels = {{.name = "vibration", .unit = "g", .rate_hz = 1000, .rules = {}},
                      {.name = "speed", .unit = "", .rate_hz = 1, .rules = {}}};
  return machine;
}

InputPlan InputOfACheck(double rate_hz, std::vector<std::string> units) {
  InputPlan input;
  input.channels = {"vibration"};
  input.units = std::move(units);
  input.rate_hz = rate_hz;
  return input;
}

TEST(InputCheckTest, ModelOfAnotherRateIsRefusedWithBothAndTheWayOut) {
  MR_EXPECT_OK(CheckInput(InputOfACheck(1000, {}), PressesOfACheck()));
  EXPECT_THAT(CheckInput(InputOfACheck(12'000, {}), PressesOfACheck()),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("model 'presses' is of 12000 rows a second, machine "
                                       "'press-7' has 1000; set [[machine]] rate_hz = 12000"),
                             HasSubstr("model trained at 1000 Hz"))));
}

TEST(InputCheckTest, ModelOfAnotherUnitIsRefusedWithTheChannelBothAndTheWayOut) {
  MR_EXPECT_OK(CheckInput(InputOfACheck(0, {"g"}), PressesOfACheck()));
  EXPECT_THAT(CheckInput(InputOfACheck(0, {"m/s^2"}), PressesOfACheck()),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("needs the channel 'vibration' in m/s^2, machine "
                                       "'press-7' has it in g; have its source give m/s^2"),
                             HasSubstr("[[machine.channel]] unit"))));
}

TEST(InputCheckTest, WhoIsJudgedByAnothersRowsIsSentToThatOneAndToldOfNoKeysThatItHasNot) {
  MachineConfig machine = PressesOfACheck();
  machine.names = {"press-7-life", "press-8-life"};
  machine.channels_of = {"press-7", "press-8"};
  EXPECT_THAT(CheckInput(InputOfACheck(12'000, {}), machine),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       EndsWith("machine 'press-7' has 1000; have a model trained at 1000 Hz")));
  EXPECT_THAT(CheckInput(InputOfACheck(0, {"m/s^2"}), machine),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       EndsWith("machine 'press-7' has it in g; have a model trained on g")));
}

TEST(InputCheckTest, UnitOfAnOperatingModeIsLookedAtToo) {
  InputPlan input = InputOfACheck(0, {});
  input.modes = {{.column = "speed", .step = 1, .min = 0, .max = 9, .unit = "rpm"}};
  MachineConfig machine = PressesOfACheck();
  MR_EXPECT_OK(CheckInput(input, machine));
  machine.channels[1].unit = "Hz";
  EXPECT_THAT(CheckInput(input, machine), IsStatus(absl::StatusCode::kInvalidArgument,
                                                   HasSubstr("'speed' in rpm, machine 'press-7'")));
}

TEST(InputCheckTest, WhatOneOfTheTwoDoesNotSayIsAccepted) {
  const MachineConfig machine = PressesOfACheck();
  MR_EXPECT_OK(CheckInput(InputOfACheck(0, {}), machine));
  MR_EXPECT_OK(CheckInput(InputOfACheck(0, {""}), machine));
  EXPECT_THAT(ColumnsOfUnsaidUnit(InputOfACheck(0, {"g"}), machine), IsEmpty());
  InputPlan input = InputOfACheck(0, {"g", "rpm"});
  input.channels.emplace_back("speed");
  input.modes = {{.column = "speed", .step = 1, .min = 0, .max = 9, .unit = "rpm"}};
  MR_EXPECT_OK(CheckInput(input, machine));
  EXPECT_THAT(ColumnsOfUnsaidUnit(input, machine), ElementsAre("speed"));
}

TEST(InputCheckTest, ChannelThatMachinesLackIsNamedFirst) {
  InputPlan input = InputOfACheck(7, {"bar"});
  input.channels = {"pressure"};
  EXPECT_THAT(CheckInput(input, PressesOfACheck()),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("needs the channel 'pressure', which machine 'press-7' has not")));
}

}  // namespace
}  // namespace millrace
