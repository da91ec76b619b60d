// SPDX-License-Identifier: Apache-2.0
#include "client/inference/drift_tally.h"

#include <gmock/gmock.h>

#include <limits>

#include "client/live/live_clock.h"

namespace millrace {
namespace {

MachineConfig WatchedMachines(std::vector<std::string> names, std::string model) {
  MachineConfig config;
  config.names = std::move(names);
  config.model = std::move(model);
  config.drift.emplace();
  config.channels.resize(3);
  return config;
}

ChannelDrift DriftOf(const std::string& machine, const std::string& channel, DriftState state,
                     double level) {
  ChannelDrift drift{.machine = machine, .channel = channel, .time_ns = 0, .report = {}};
  drift.report.state = state;
  drift.report.level = level;
  return drift;
}

class DriftTallyTest : public ::testing::Test {
 protected:
  DriftTally tally_{{WatchedMachines({"pump-1", "pump-2"}, "pumps"),
                     WatchedMachines({"pump-9"}, "pumps"), WatchedMachines({"fan-1"}, "fans")}};
};

TEST_F(DriftTallyTest, CountsTheChannelsOfAllMachinesThatOneModelJudges) {
  const v1::ModelDrift told = tally_.Of("pumps", 0).value();
  EXPECT_EQ(told.name(), "pumps");
  EXPECT_EQ(told.channels_watched(), 9);
  EXPECT_EQ(told.channels_in_drift(), 0);
  EXPECT_FALSE(told.score_in_drift());
  EXPECT_EQ(told.level(), 0);
  EXPECT_EQ(told.lasts_s(), 0);
  EXPECT_EQ(tally_.Of("fans", 0)->channels_watched(), 3);
}

TEST_F(DriftTallyTest, TellsTheLargestLevelAndTheAgeOfTheOldest) {
  tally_.Take(DriftOf("pump-1", "current", DriftState::kConfirmed, 1.5), 10 * kNsPerS);
  tally_.Take(DriftOf("pump-2", "current", DriftState::kConfirmed, 2.5), 40 * kNsPerS);
  tally_.Take(DriftOf("pump-9", kScoreChannel, DriftState::kConfirmed, 0.5), 50 * kNsPerS);
  tally_.Take(DriftOf("fan-1", "speed", DriftState::kConfirmed, 9), 0);
  const v1::ModelDrift told = tally_.Of("pumps", 70 * kNsPerS).value();
  EXPECT_EQ(told.channels_in_drift(), 2);
  EXPECT_TRUE(told.score_in_drift());
  EXPECT_EQ(told.level(), 2.5);
  EXPECT_EQ(told.lasts_s(), 60);
}

TEST_F(DriftTallyTest, CountsADriftOnceItIsConfirmedAndUntilItIsOver) {
  tally_.Take(DriftOf("pump-1", "current", DriftState::kSuspected, 1), 0);
  EXPECT_EQ(tally_.Of("pumps", 0)->channels_in_drift(), 0);
  tally_.Take(DriftOf("pump-1", "current", DriftState::kConfirmed, 1), 0);
  tally_.Take(DriftOf("pump-1", "current", DriftState::kConfirmed, 1), kNsPerS);
  EXPECT_EQ(tally_.Of("pumps", 2 * kNsPerS)->channels_in_drift(), 1);
  EXPECT_EQ(tally_.Of("pumps", 2 * kNsPerS)->lasts_s(), 2) << "the first time counts";
  for (const DriftState over : {DriftState::kStable, DriftState::kLearning}) {
    tally_.Take(DriftOf("pump-1", "current", over, 0), 3 * kNsPerS);
    EXPECT_EQ(tally_.Of("pumps", 4 * kNsPerS)->channels_in_drift(), 0);
    EXPECT_EQ(tally_.Of("pumps", 4 * kNsPerS)->lasts_s(), 0);
  }
}

TEST_F(DriftTallyTest, NothingIsToldOfModelsWhoseMachinesAreNotWatched) {
  MachineConfig unwatched = WatchedMachines({"lathe-1"}, "lathes");
  unwatched.drift.reset();
  MachineConfig without_model = WatchedMachines({"lathe-2"}, "");
  DriftTally tally({unwatched, without_model});
  tally.Take(DriftOf("lathe-1", "current", DriftState::kConfirmed, 1), 0);
  tally.Take(DriftOf("lathe-2", "current", DriftState::kConfirmed, 1), 0);
  EXPECT_FALSE(tally.Of("lathes", 0).has_value());
  EXPECT_FALSE(tally.Of("", 0).has_value());
}

TEST_F(DriftTallyTest, ChannelCountsForEveryModelOfItsRowsAndAScoreForItsOwn) {
  const MachineConfig pumps = WatchedMachines({"pump-1", "pump-2"}, "pumps");
  MachineConfig lives = WatchedMachines({"pump-1-life"}, "lives");
  lives.channels_of = {"pump-1"};
  DriftTally tally({lives, pumps});
  const int64_t channels = std::ssize(pumps.channels);
  EXPECT_EQ(tally.Of("pumps", 0)->channels_watched(), 2 * channels);
  EXPECT_EQ(tally.Of("lives", 0)->channels_watched(), channels);
  tally.Take(DriftOf("pump-1", "current", DriftState::kConfirmed, 2), 0);
  tally.Take(DriftOf("pump-2", "current", DriftState::kConfirmed, 1), 0);
  tally.Take(DriftOf("pump-1-life", kScoreChannel, DriftState::kConfirmed, 1), 0);
  EXPECT_EQ(tally.Of("pumps", 0)->channels_in_drift(), 2);
  EXPECT_FALSE(tally.Of("pumps", 0)->score_in_drift());
  EXPECT_EQ(tally.Of("lives", 0)->channels_in_drift(), 1);
  EXPECT_EQ(tally.Of("lives", 0)->level(), 2);
  EXPECT_TRUE(tally.Of("lives", 0)->score_in_drift());
}

TEST_F(DriftTallyTest, LevelThatIsNoNumberIsToldAsNone) {
  for (const double level :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), -1.0}) {
    DriftTally tally({WatchedMachines({"pump-1"}, "pumps")});
    tally.Take(DriftOf("pump-1", "current", DriftState::kConfirmed, level), 0);
    EXPECT_EQ(tally.Of("pumps", 0)->level(), 0);
    EXPECT_EQ(tally.Of("pumps", 0)->channels_in_drift(), 1);
  }
}

}  // namespace
}  // namespace millrace
