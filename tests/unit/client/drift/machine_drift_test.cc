// SPDX-License-Identifier: Apache-2.0
#include "client/drift/machine_drift.h"

#include <gmock/gmock.h>

#include <limits>

#include "base/random.h"

namespace millrace {
namespace {

DriftParameters Quick() {
  DriftParameters parameters;
  parameters.learn_s = 300;
  return parameters;
}

/// A machine of two channels at 4 Hz.
class MachineDriftTest : public ::testing::Test {
 protected:
  /// The second channel's values are up by `shift` of their seconds' deviations.
  void Seconds(int64_t count, double shift = 0, int32_t mode = 0) {
    for (int64_t i = 0; i < 4 * count; ++i) Row(shift, mode);
  }
  void Row(double shift, int32_t mode) {
    const auto first = static_cast<float>(20 + random_.Normal());
    const auto second = static_cast<float>(5 + 0.1 * (random_.Normal() + shift / 2));
    for (const MachineDrift::Change& change : drift_.AddRow(std::array{first, second}, mode)) {
      changes_.push_back(change);
    }
  }

  MachineDrift drift_{Quick(), 2, 0.25};
  Random random_{3};
  std::vector<MachineDrift::Change> changes_;
};

TEST_F(MachineDriftTest, TellsWhichChannelHasChanged) {
  Seconds(300);
  ASSERT_EQ(changes_.size(), 2) << "both are learned";
  EXPECT_EQ(changes_[1].channel, 1);
  EXPECT_EQ(changes_[1].to, DriftState::kStable);
  changes_.clear();
  Seconds(600);
  EXPECT_EQ(changes_.size(), 0);
  Seconds(300, 2);
  ASSERT_EQ(changes_.size(), 2);
  EXPECT_EQ(changes_[0].channel, 1);
  EXPECT_EQ(changes_[0].to, DriftState::kSuspected);
  EXPECT_EQ(changes_[1].to, DriftState::kConfirmed);
  EXPECT_EQ(drift_.monitor(0).state(), DriftState::kStable);
  EXPECT_EQ(drift_.monitor(1).report().state, DriftState::kConfirmed);
}

TEST_F(MachineDriftTest, SecondInWhichTheModeChangesIsNotEvaluated) {
  Seconds(300);
  for (const int32_t mode : {0, 0, 1, 0}) Row(0, mode);
  EXPECT_EQ(drift_.monitor(0).report().evaluated_s, 0);
  Seconds(1);
  EXPECT_EQ(drift_.monitor(0).report().evaluated_s, 1);
  Seconds(1, 0, 1);
  EXPECT_EQ(drift_.monitor(0).report().evaluated_s, 1) << "a mode that is not known";
}

TEST_F(MachineDriftTest, FlaggedValuesDoNotCount) {
  Seconds(400);
  constexpr float kFlagged = std::numeric_limits<float>::quiet_NaN();
  for (int i = 0; i < 400; ++i) drift_.AddRow(std::array{20.F, kFlagged}, 0);
  EXPECT_EQ(drift_.monitor(0).report().evaluated_s, 200);
  EXPECT_EQ(drift_.monitor(1).report().evaluated_s, 100);
}

}  // namespace
}  // namespace millrace
