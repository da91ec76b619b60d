// SPDX-License-Identifier: Apache-2.0
#include "client/inference/recorded_drift.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "base/random.h"

namespace millrace {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kRecordedFrom = 1'700'000'000'000'000'000;
constexpr int64_t kRecordedPeriod = 250'000'000;
constexpr int32_t kLoad = 1;  // the mode of rows with the load at 10

/// A machine of two channels and a load at 4 Hz, whose recorded blocks are made up.
class RecordedDriftTest : public ::testing::Test {
 protected:
  RecordedDriftTest() {
    kind_.names = {"pump-1"};
    kind_.rate_hz = 4;
    kind_.drift.emplace().learn_s = 100;
    for (const char* name : {"current", "speed", "load"}) {
      kind_.channels.push_back({.name = name, .unit = "", .rate_hz = 4, .rules = {}});
    }
    plan_.input.channels = {"current"};
    plan_.input.modes = {{.column = "load", .step = 10, .min = 0, .max = 10}};
  }
  /// Seconds of the machine, `gap` seconds after those before.
  StoredRows& Record(int64_t seconds, float level, float load, int64_t gap = 0) {
    next_ns_ += gap * 1'000'000'000;
    StoredRows rows;
    rows.machine = "pump-1";
    rows.channels = {"current", "speed", "load"};
    rows.first_ns = next_ns_;
    rows.period_ns = kRecordedPeriod;
    for (int64_t i = 0; i < 4 * seconds; ++i) {
      rows.values.push_back(level + static_cast<float>(random_.Normal()));
      rows.values.push_back(static_cast<float>(random_.Normal()));
      rows.values.push_back(load);
    }
    rows.flags.assign(rows.values.size(), Flag::kPass);
    next_ns_ = rows.last_ns() + kRecordedPeriod;
    return blocks_.emplace_back(std::move(rows));
  }
  std::vector<DriftMonitor> Learn() const {
    const auto visit = [this](const std::function<void(const StoredRows&)>& take) {
      for (const StoredRows& rows : blocks_) take(rows);
    };
    return DriftFromRecordings(visit, kind_, plan_, [] { return false; });
  }
  /// Of a live second in which the channel's mean is this.
  static double Shift(DriftMonitor monitor, int32_t mode, double mean) {
    monitor.Add(mode, {mean, std::numeric_limits<double>::quiet_NaN()});
    return monitor.report().shift;
  }

  MachineConfig kind_;
  Plan plan_;
  Random random_{1};
  int64_t next_ns_ = kRecordedFrom;
  std::vector<StoredRows> blocks_;
};

TEST_F(RecordedDriftTest, EachChannelLearnsEachModeThatWasRecordedLongEnough) {
  Record(150, 20, 0);
  Record(150, 80, 10);
  const std::vector<DriftMonitor> monitors = Learn();
  ASSERT_THAT(monitors, SizeIs(3));
  for (const DriftMonitor& monitor : monitors) {
    EXPECT_EQ(monitor.reference(), DriftReference::kTraining);
    EXPECT_EQ(monitor.state(), DriftState::kStable);
  }
  // A second's mean of four values deviates by a half.
  EXPECT_NEAR(Shift(monitors[0], 0, 21), 2, 0.5);
  EXPECT_NEAR(Shift(monitors[0], kLoad, 81), 2, 0.5);
}

TEST_F(RecordedDriftTest, TooLittleIsLearntLive) {
  Record(99, 20, 0);
  EXPECT_THAT(Learn(), IsEmpty());
  Record(1, 20, 0);
  EXPECT_THAT(Learn(), SizeIs(3));
}

TEST_F(RecordedDriftTest, MillionsOfSecondsTeachAsManyAsAreAsked) {
  for (int i = 0; i < 40; ++i) Record(50, 20 + static_cast<float>(i), 0);
  const std::vector<DriftMonitor> monitors = Learn();
  ASSERT_THAT(monitors, SizeIs(3));
  // Levels from 20 to 59, evenly: their deviation is 11.5.
  EXPECT_NEAR(Shift(monitors[0], 0, 39.5 + 23), 2, 0.3);
}

TEST_F(RecordedDriftTest, RowsWithFlagsOrOfAnAlarmTeachNothing) {
  Record(150, 20, 0);
  std::ranges::fill(Record(150, 500, 0).flags, Flag::kSuspect);
  StoredRows& alarm = Record(150, 500, 0);
  alarm.alarms.assign(static_cast<size_t>(alarm.rows()), 1);
  Record(150, 500, std::numeric_limits<float>::quiet_NaN());
  EXPECT_NEAR(Shift(Learn()[0], 0, 21), 2, 0.5);
}

TEST_F(RecordedDriftTest, ChannelThatIsNotRecordedLearnsNothing) {
  StoredRows& rows = Record(150, 20, 0);
  rows.channels = {"current", "pressure", "load"};
  const std::vector<DriftMonitor> monitors = Learn();
  ASSERT_THAT(monitors, SizeIs(3));
  EXPECT_EQ(monitors[0].reference(), DriftReference::kTraining);
  EXPECT_EQ(monitors[1].reference(), DriftReference::kLive);
  EXPECT_EQ(monitors[1].state(), DriftState::kLearning);
}

TEST_F(RecordedDriftTest, RowsOfAnotherRateOrWithoutTheModeTeachNothing) {
  Record(150, 20, 0).period_ns = 2 * kRecordedPeriod;
  Record(150, 20, 0).channels = {"current", "speed", "pressure"};
  EXPECT_THAT(Learn(), IsEmpty());
}

TEST_F(RecordedDriftTest, ChannelWhoseUnitWasCorrectedLearnsNothingOfBeforeAndTheOthersDo) {
  kind_.channels[0].unit = "A";
  Record(150, 20'000, 0);  // which was in mA, too
  Record(50, 20'000, 0).units = {"mA", "", ""};
  std::vector<DriftMonitor> monitors = Learn();
  ASSERT_THAT(monitors, SizeIs(3));
  EXPECT_EQ(monitors[0].state(), DriftState::kLearning);
  EXPECT_EQ(monitors[1].reference(), DriftReference::kTraining);
  Record(150, 20, 0).units = {"A", "", ""};
  monitors = Learn();
  ASSERT_THAT(monitors, SizeIs(3));
  EXPECT_EQ(monitors[0].reference(), DriftReference::kTraining);
  EXPECT_NEAR(Shift(monitors[0], 0, 21), 2, 0.5);
}

TEST_F(RecordedDriftTest, OperatingModesInAnotherUnitAreNoneOfThese) {
  kind_.channels[2].unit = "kN";
  Record(150, 500, 10);
  Record(150, 500, 10).units = {"", "", "N"};
  EXPECT_THAT(Learn(), IsEmpty());
  Record(150, 20, 10).units = {"", "", "kN"};
  const std::vector<DriftMonitor> monitors = Learn();
  ASSERT_THAT(monitors, SizeIs(3));
  EXPECT_NEAR(Shift(monitors[0], kLoad, 21), 2, 0.5);
}

TEST_F(RecordedDriftTest, SecondsBeginAnewAfterAGap) {
  for (int i = 0; i < 150; ++i) {
    StoredRows& rows = Record(1, 20, 0, /*gap=*/1);
    rows.values.resize(9);  // three rows, which are no second
    rows.flags.resize(9);
  }
  EXPECT_THAT(Learn(), IsEmpty());
}

TEST_F(RecordedDriftTest, EndsWhenItIsTold) {
  Record(150, 20, 0);
  const auto visit = [this](const std::function<void(const StoredRows&)>& take) {
    for (const StoredRows& rows : blocks_) take(rows);
  };
  EXPECT_THAT(DriftFromRecordings(visit, kind_, plan_, [] { return true; }), IsEmpty());
}

}  // namespace
}  // namespace millrace
