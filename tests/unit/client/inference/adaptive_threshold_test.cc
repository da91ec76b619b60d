// SPDX-License-Identifier: Apache-2.0
#include "client/inference/adaptive_threshold.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

constexpr AdaptiveThreshold::Parameters kParameters = {
    .rate = 1e-3, .capacity = 10'000, .memory = 20'000, .most_per_day = 1.2};

/// Scores of normal operation: exponential about a level.
class Scores {
 public:
  explicit Scores(uint64_t seed) : random_(seed) {}
  float One(double level = 1) {
    return static_cast<float>(-level * std::log1p(-random_.Uniform()));
  }
  std::vector<float> Many(int n) {
    std::vector<float> scores;
    for (int i = 0; i < n; ++i) scores.push_back(One());
    return scores;
  }

 private:
  Random random_;
};

class AdaptiveThresholdTest : public ::testing::Test {
 protected:
  Scores scores_{1};
  AdaptiveThreshold threshold_ =
      AdaptiveThreshold::Calibrate(kParameters, scores_.Many(10'000), 2).value();
};

TEST_F(AdaptiveThresholdTest, BeginsAtTheFittedValue) {
  EXPECT_NEAR(threshold_.value(), -std::log(1e-3), 0.8);
  EXPECT_FALSE(threshold_.IsAlarm(threshold_.value()));
  EXPECT_TRUE(threshold_.IsAlarm(threshold_.value() + 0.01));
  EXPECT_FALSE(threshold_.IsAlarm(std::nan("")));
}

TEST_F(AdaptiveThresholdTest, TooFewScoresAreRefused) {
  EXPECT_THAT(AdaptiveThreshold::Calibrate(kParameters, scores_.Many(100), 1).status(),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("too few")));
  std::vector<float> mostly_zero(20'000, 0);
  for (int i = 0; i < 15; ++i) mostly_zero[i] = 1;
  EXPECT_THAT(AdaptiveThreshold::Calibrate(kParameters, mostly_zero, 1).status(),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("the same")));
}

TEST_F(AdaptiveThresholdTest, KeepsItsRateOverMonthsOfNormalScores) {
  int64_t alarms = 0;
  int64_t seen = 0;
  for (int day = 0; day < 90; ++day) {
    for (int i = 0; i < 8640; ++i) {
      const float score = scores_.One();
      alarms += threshold_.IsAlarm(score) ? 1 : 0;
      ++seen;
      threshold_.Observe(score);
    }
    MR_ASSERT_OK(threshold_.Adapt(absl::Hours(24)));
  }
  EXPECT_NEAR(static_cast<double>(alarms) / static_cast<double>(seen) / kParameters.rate, 1, 0.4)
      << "it is at " << threshold_.value();
}

TEST_F(AdaptiveThresholdTest, FollowsASiteThatChangesSlowly) {
  double level = 1;
  for (int day = 0; day < 60; ++day) {
    for (int i = 0; i < 8640; ++i) threshold_.Observe(scores_.One(level));
    MR_ASSERT_OK(threshold_.Adapt(absl::Hours(24)));
    if (day < 40) level *= 1.01;
  }
  EXPECT_NEAR(threshold_.value() / (-level * std::log(1e-3)), 1, 0.12) << level;
}

TEST_F(AdaptiveThresholdTest, MovesNoFurtherThanItsBoundEachDay) {
  const double floor = -std::log(0.5);  // the median of what it was calibrated with
  const double before = threshold_.value();
  for (int i = 0; i < 200'000; ++i) threshold_.Observe(0.5F * scores_.One());
  MR_ASSERT_OK_AND_ASSIGN(const ThresholdFit fit, threshold_.Adapt(absl::Hours(24)));
  EXPECT_LT(fit.value, 0.7 * before);
  const double after = threshold_.value();
  EXPECT_NEAR((before - floor) / (after - floor), 1.2, 0.02);
  MR_ASSERT_OK(threshold_.Adapt(absl::ZeroDuration()));
  EXPECT_DOUBLE_EQ(threshold_.value(), after);
  MR_ASSERT_OK(threshold_.Adapt(absl::Hours(-1000)));
  EXPECT_DOUBLE_EQ(threshold_.value(), after) << "the clock went back";
  MR_ASSERT_OK(threshold_.Adapt(absl::Hours(1e6)));
  EXPECT_NEAR((before - floor) / (threshold_.value() - floor), 1.44, 0.03) << "it went forward";
}

TEST_F(AdaptiveThresholdTest, AlarmsDoNotRaiseIt) {
  const double before = threshold_.value();
  for (int day = 0; day < 10; ++day) {
    for (int i = 0; i < 8640; ++i) threshold_.Observe(i % 4 == 0 ? 50 : scores_.One());
    MR_ASSERT_OK(threshold_.Adapt(absl::Hours(24)));
  }
  EXPECT_NEAR(threshold_.value() / before, 1, 0.15);
}

TEST_F(AdaptiveThresholdTest, WhatIsNotFiniteIsPassedOver) {
  const std::string before = threshold_.Serialize();
  threshold_.Observe(std::numeric_limits<float>::quiet_NaN());
  threshold_.Observe(std::numeric_limits<float>::infinity());
  EXPECT_EQ(threshold_.Serialize(), before);
}

TEST_F(AdaptiveThresholdTest, SurvivesARestart) {
  for (int i = 0; i < 5000; ++i) threshold_.Observe(scores_.One());
  MR_ASSERT_OK_AND_ASSIGN(AdaptiveThreshold again,
                          AdaptiveThreshold::Parse(kParameters, threshold_.Serialize(), 3));
  EXPECT_EQ(again.value(), threshold_.value());
  EXPECT_EQ(again.Serialize(), threshold_.Serialize());
  MR_ASSERT_OK(again.Adapt(absl::Hours(24)));
  MR_ASSERT_OK(threshold_.Adapt(absl::Hours(24)));
  EXPECT_EQ(again.value(), threshold_.value());
}

TEST_F(AdaptiveThresholdTest, TakesFewKilobytesSoThatThousandsOfMachinesAreSaved) {
  for (int i = 0; i < 100'000; ++i) threshold_.Observe(scores_.One());
  const std::string file = threshold_.Serialize();
  EXPECT_LT(file.size(), 6'000);
  MR_ASSERT_OK_AND_ASSIGN(AdaptiveThreshold again, AdaptiveThreshold::Parse(kParameters, file, 3));
  for (int i = 0; i < 100'000; ++i) {
    const float score = scores_.One();
    again.Observe(score);
    threshold_.Observe(score);
  }
  MR_ASSERT_OK(again.Adapt(absl::Hours(24)));
  MR_ASSERT_OK(threshold_.Adapt(absl::Hours(24)));
  EXPECT_NEAR(again.value() / threshold_.value(), 1, 0.2) << "it goes on as if nothing had been";
}

TEST_F(AdaptiveThresholdTest, AnyOtherFileIsRefused) {
  const std::string file = threshold_.Serialize();
  EXPECT_THAT(AdaptiveThreshold::Parse(kParameters, "", 1),
              IsStatus(absl::StatusCode::kDataLoss, HasSubstr("cannot be")));
  EXPECT_THAT(AdaptiveThreshold::Parse(kParameters, file.substr(0, file.size() / 2), 1),
              IsStatus(absl::StatusCode::kDataLoss, HasSubstr("not a learnt threshold")));
  Random random(4);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = file;
    damaged[random.Below(64)] = static_cast<char>(random.Below(256));
    const auto parsed = AdaptiveThreshold::Parse(kParameters, damaged, 1);
    if (parsed.ok()) {
      EXPECT_TRUE(std::isfinite(parsed->value()));
    }
  }
}

}  // namespace
}  // namespace millrace
