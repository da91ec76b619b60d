// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine_threshold.h"

#include <gmock/gmock.h>

#include <limits>

#include "base/random.h"
#include "millrace/internal/threshold.pb.h"

namespace millrace {
namespace {

constexpr MachineThreshold::Parameters kTwoHundred = {.rate = 0.05, .learn_windows = 200};

MachineThreshold NewThreshold() { return {kTwoHundred, /*seed=*/1}; }

std::string LearningFile(const std::vector<float>& scores) {
  internal::LearntThreshold file;
  file.mutable_first()->Add(scores.begin(), scores.end());
  return file.SerializeAsString();
}

TEST(MachineThresholdTest, ScoresLearntSoFarOutlastARestart) {
  Random random(1);
  MachineThreshold whole = NewThreshold();
  auto cut = std::make_unique<MachineThreshold>(NewThreshold());
  EXPECT_EQ(cut->Serialize(), "") << "there is none yet";
  for (int i = 0; i < 200; ++i) {
    if (i % 11 == 0) {  // the end of a shift
      cut->Adapt(absl::Hours(8));
      const std::string saved = cut->Serialize();
      EXPECT_LE(std::ssize(saved), 4 * i + 10);
      cut = std::make_unique<MachineThreshold>(NewThreshold());
      cut->Restore(saved);
    }
    const auto score = static_cast<float>(random.Uniform());
    whole.Observe(score);
    cut->Observe(score);
  }
  EXPECT_EQ(cut->Progress(), "200 of 200 windows seen");
  EXPECT_FALSE(cut->value().has_value());
  whole.Adapt(absl::Hours(8));
  cut->Adapt(absl::Hours(8));
  ASSERT_TRUE(cut->value().has_value());
  EXPECT_EQ(cut->value(), whole.value());
  MachineThreshold again = NewThreshold();
  again.Restore(cut->Serialize());
  EXPECT_EQ(again.value(), cut->value());
}

TEST(MachineThresholdTest, WhatCannotHaveBeenSavedIsLearntAnew) {
  const auto progress_of = [](const std::string& bytes) {
    MachineThreshold threshold = NewThreshold();
    threshold.Restore(bytes);
    EXPECT_FALSE(threshold.value().has_value());
    return threshold.Progress();
  };
  EXPECT_EQ(progress_of(LearningFile({1, 2, 3})), "3 of 200 windows seen");
  const float infinite = std::numeric_limits<float>::infinity();
  EXPECT_EQ(progress_of(LearningFile({1, infinite, 3})), "0 of 200 windows seen");
  EXPECT_EQ(progress_of(LearningFile(std::vector<float>(100'001, 1))), "0 of 200 windows seen");
  EXPECT_EQ(progress_of("no such thing"), "0 of 200 windows seen");
  const std::string sound = LearningFile({1, 2, 3});
  EXPECT_EQ(progress_of(sound.substr(0, sound.size() - 1)), "0 of 200 windows seen");
}

}  // namespace
}  // namespace millrace
