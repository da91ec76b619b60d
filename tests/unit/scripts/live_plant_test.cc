// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/live_plant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

LivePlantOptions PlantOptions(int machines = 2, int bearings = 1) {
  LivePlantOptions options;
  options.machines = machines;
  options.bearings = bearings;
  return options;
}

/// Rows of a machine, by channel.
std::map<std::string, std::vector<float>> History(LivePlantOptions options, size_t machine,
                                                  int blocks) {
  const std::unique_ptr<LivePlant> plant = LivePlant::Create(std::move(options)).value();
  std::map<std::string, std::vector<float>> history;
  for (int block = 0; block < blocks; ++block) {
    const std::span<const float> rows = plant->Next(machine);
    for (size_t i = 0; i < rows.size(); ++i) {
      history[plant->channels()[i % plant->channels().size()]].push_back(rows[i]);
    }
  }
  return history;
}

double MeanOf(const std::vector<float>& values, size_t from, size_t to) {
  double sum = 0;
  for (size_t i = from; i < to; ++i) sum += values[i];
  return sum / static_cast<double>(to - from);
}

TEST(LivePlantTest, AMachineOfEightBearingsHasAHundredChannels) {
  MR_ASSERT_OK_AND_ASSIGN(const auto plant, LivePlant::Create(PlantOptions(3, 8)));
  EXPECT_EQ(plant->channels().size(), 100u);
  EXPECT_EQ(plant->machines().back(), "machine-3");
}

TEST(LivePlantTest, TheSameSeedGivesTheSameValuesWhateverMachinesAreBeside) {
  const auto few = History(PlantOptions(2), 1, 50);
  EXPECT_EQ(few, History(PlantOptions(9), 1, 50));
  EXPECT_NE(few, History(PlantOptions(2), 0, 50));
  LivePlantOptions other = PlantOptions(2);
  other.seed = 2;
  EXPECT_NE(few, History(other, 1, 50));
}

TEST(LivePlantTest, AnotherDayIsOfTheSameMachines) {
  LivePlantOptions options = PlantOptions();
  const auto one = History(options, 0, 6000);
  options.day = 2;
  const auto other = History(options, 0, 6000);
  EXPECT_NE(one, other);
  // How a machine is balanced shows in what it vibrates with at its least speed.
  const auto calm = [](const auto& history) { return std::ranges::min(history.at("b1_shaft_1x")); };
  EXPECT_NEAR(calm(one) / calm(other), 1, 0.1);
}

TEST(LivePlantTest, SpeedChangesNoFasterThanTheDriveTurnsAndReachesSeveralRegimes) {
  const auto history = History(PlantOptions(), 0, 6000);
  const std::vector<float>& speed = history.at("speed_rpm");
  float least = speed[0], most = speed[0];
  for (size_t i = 1; i < speed.size(); ++i) {
    EXPECT_LT(std::abs(speed[i] - speed[i - 1]), 30);  // 6 rpm in 0.1 s, and what hunts
    least = std::min(least, speed[i]);
    most = std::max(most, speed[i]);
  }
  EXPECT_LT(least, 1000);
  EXPECT_GT(most, 1400);
}

TEST(LivePlantTest, ADefectShowsInItsOwnBearingsLineAndNoOther) {
  LivePlantOptions options = PlantOptions(1, 2);
  options.wears = {{"machine-1", 2, FaultKind::kInner, 60, 180}};
  const auto history = History(options, 0, 1700);
  const auto grown = [&](const std::string& channel) {
    return MeanOf(history.at(channel), 1500, 1700) / MeanOf(history.at(channel), 0, 500);
  };
  EXPECT_GT(grown("b2_envelope_inner"), 10);
  EXPECT_LT(grown("b2_envelope_outer"), 2);
  EXPECT_LT(grown("b1_envelope_inner"), 2);
  EXPECT_GT(grown("b2_vib_kurtosis"), 1.2);
  EXPECT_GT(grown("oil_debris_ppm"), 3);
}

TEST(LivePlantTest, AMachineStandsStillAfterItsFailure) {
  LivePlantOptions options = PlantOptions();
  options.wears = {{"machine-2", 1, FaultKind::kOuter, 1, 5}};
  MR_ASSERT_OK_AND_ASSIGN(const auto plant, LivePlant::Create(options));
  std::vector<float> row;
  for (int i = 0; i < 600; ++i) {
    const std::span<const float> next = plant->Next(1);
    row.assign(next.begin(), next.end());
    if (i < 48) {
      EXPECT_FALSE(plant->failed(1)) << i;
    } else if (i > 51) {
      EXPECT_TRUE(plant->failed(1)) << i;
    }
  }
  EXPECT_NEAR(row[0], 0, 5);     // rpm
  EXPECT_NEAR(row[4], 0, 0.01);  // g
  EXPECT_FALSE(plant->failed(0));
  for (const float value : row) EXPECT_TRUE(std::isfinite(value));
}

TEST(LivePlantTest, ASensorsFaultIsInItsChannelAlone) {
  LivePlantOptions options = PlantOptions();
  const auto sound = History(options, 0, 100);
  options.sensor_faults = {{"machine-1", "motor_current", SensorFaultKind::kDropout, 0, 5, 1000}};
  auto faulty = History(options, 0, 100);
  EXPECT_TRUE(std::isnan(faulty["motor_current"].back()));
  EXPECT_EQ(faulty["motor_current"].front(), sound.at("motor_current").front());
  faulty["motor_current"] = sound.at("motor_current");
  EXPECT_EQ(faulty, sound);
}

TEST(LivePlantTest, WaveformsCarryADefectsImpacts) {
  LivePlantOptions options = PlantOptions(1, 2);
  options.signals = LiveSignals::kWaveforms;
  options.rate_hz = 12000;
  options.rows = 120;
  options.wears = {{"machine-1", 1, FaultKind::kOuter, 5, 10}};
  const auto history = History(options, 0, 950);
  ASSERT_EQ(history.size(), 2u);
  const auto mean_square = [&](const std::string& channel, size_t from) {
    double sum = 0;
    for (size_t i = from; i < from + 12000; ++i) sum += std::pow(history.at(channel)[i], 2);
    return sum / 12000;
  };
  EXPECT_GT(mean_square("b1_vibration", 102000), 3 * mean_square("b1_vibration", 0));
  EXPECT_LT(mean_square("b2_vibration", 102000), 3 * mean_square("b2_vibration", 0));
}

TEST(LivePlantTest, WhatIsNotThereIsRefusedByName) {
  LivePlantOptions options = PlantOptions();
  options.wears = {{"machine-7", 1, FaultKind::kOuter, 1, 2}};
  EXPECT_THAT(LivePlant::Create(options), IsStatus(absl::StatusCode::kInvalidArgument,
                                                   HasSubstr("machine-7: no such machine")));
  options.wears = {{"machine-1", 2, FaultKind::kOuter, 1, 2}};
  EXPECT_THAT(LivePlant::Create(options),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("has 1 bearings, and no 2")));
  options.wears.clear();
  options.sensor_faults = {{"machine-1", "warp_core", SensorFaultKind::kStuck, 0, 1, 2}};
  EXPECT_THAT(LivePlant::Create(options),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("machine-1 has no channel warp_core")));
}

}  // namespace
}  // namespace millrace
