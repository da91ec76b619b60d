// SPDX-License-Identifier: Apache-2.0
// What a threshold learns from recordings whose rate or units were changed.
#include "client/inference/recorded_threshold.h"

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "client/inference/machine_memory.h"
#include "client/quality/flag.h"
#include "tests/testing/constant_predictor.h"

namespace millrace {
namespace {

constexpr int64_t kThresholdRow = 1'000'000'000;

class RecordedThresholdTest : public ::testing::Test {
 protected:
  RecordedThresholdTest() {
    kind_.names = {"pump-1"};
    kind_.model = "pumps";
    kind_.rate_hz = 1;
    kind_.hop = 1;
    kind_.learning.learn_windows = 1000;
    kind_.channels = {{.name = "speed", .unit = "rpm", .rate_hz = 1, .rules = {}},
                      {.name = "current", .unit = "", .rate_hz = 1, .rules = {}}};
    package_.plan.model.kind = ModelKind::kAutoencoder;
    package_.plan.input.channels = {"current"};
    package_.plan.input.window = 1;
    package_.plan.input.normalization = Normalization::kNone;
  }

  /// So many rows of a time when there was another channel, too.
  void Record(int64_t rows, std::vector<std::string> units, int64_t period_ns = kThresholdRow) {
    StoredRows block{"pump-1", {"flow", "current", "speed"}, next_ns_, period_ns, {}, {}, {}};
    block.values.assign(static_cast<size_t>(3 * rows), 1);
    block.flags.assign(block.values.size(), Flag::kPass);
    block.units = std::move(units);
    next_ns_ += rows * period_ns;
    blocks_.push_back(std::move(block));
  }
  /// Windows that it has seen once it has learnt from all that is recorded, so many times.
  std::string Learnt(int times = 1) {
    RecordedThreshold threshold(&kind_, "pump-1");
    testing::ConstantPredictor predictor(0, 1);
    const auto visit = [this](const std::function<void(const StoredRows&)>& take) {
      for (const StoredRows& rows : blocks_) take(rows);
    };
    for (int i = 0; i < times; ++i) {
      threshold.Learn(visit, package_, &predictor, [] { return false; });
    }
    bytes_ = threshold.Serialize();
    return threshold.Progress();
  }

  MachineConfig kind_;
  ModelPackage package_;
  int64_t next_ns_ = 1'700'000'000 * kThresholdRow;
  std::vector<StoredRows> blocks_;
  std::string bytes_;
};

TEST_F(RecordedThresholdTest, RowsOfAnotherRateTeachNothing) {
  Record(10, {});
  Record(20, {}, kThresholdRow / 2);
  EXPECT_EQ(Learnt(), "10 of 1000 windows seen");
}

TEST_F(RecordedThresholdTest, RowsOfTheModelsChannelsInAnotherUnitTeachNothing) {
  kind_.channels[1].unit = "A";
  Record(10, {});
  EXPECT_EQ(Learnt(), "10 of 1000 windows seen") << "nobody says";
  Record(20, {"", "mA", ""});
  EXPECT_EQ(Learnt(), "0 of 1000 windows seen") << "nor do those of before it was said";
  Record(30, {"", "A", ""});
  EXPECT_EQ(Learnt(), "30 of 1000 windows seen");
}

TEST_F(RecordedThresholdTest, UnitOfAChannelThatTheModelDoesNotSeeIsNoMatter) {
  Record(10, {"l/min", "A", "1/min"});
  EXPECT_EQ(Learnt(), "10 of 1000 windows seen");
}

TEST_F(RecordedThresholdTest, NoWindowTeachesTwiceWhereAUnitWasChangedInBetween) {
  Record(20, {"", "mA", ""});
  Record(30, {"", "A", ""});
  EXPECT_EQ(Learnt(), "30 of 1000 windows seen");
  EXPECT_EQ(Learnt(3), "30 of 1000 windows seen");
}

TEST_F(RecordedThresholdTest, HoldsOnlyAtItsRateAndInItsUnits) {
  kind_.channels[1].unit = "A";
  Record(10, {});
  Learnt();
  EXPECT_TRUE(ThresholdHolds(bytes_, kind_));
  kind_.channels[0].unit = "1/min";
  EXPECT_TRUE(ThresholdHolds(bytes_, kind_)) << "the model does not see it";
  kind_.channels[1].unit = "";
  EXPECT_TRUE(ThresholdHolds(bytes_, kind_)) << "nobody says";
  kind_.channels[1].unit = "mA";
  EXPECT_FALSE(ThresholdHolds(bytes_, kind_));
  kind_.channels[1].unit = "A";
  kind_.rate_hz = 2;
  EXPECT_FALSE(ThresholdHolds(bytes_, kind_));
}

}  // namespace
}  // namespace millrace
