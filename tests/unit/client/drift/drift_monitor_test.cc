// SPDX-License-Identifier: Apache-2.0
#include "client/drift/drift_monitor.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/random.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Seconds of a channel whose mean and spread are normal.
class Plant {
 public:
  Plant(const DriftParameters& parameters, uint64_t seed)
      : parameters_(parameters), monitor_(parameters), random_(seed) {}

  /// The second's features, `shift` and `spread` in deviations.
  DriftState Second(double shift = 0, double spread = 0, int32_t mode = 0, double level = 50) {
    return monitor_.Add(
        mode, {level + 2 * (shift + random_.Normal()), 3 + 0.1 * (spread + random_.Normal())});
  }
  DriftState Seconds(int64_t count, double shift = 0, double spread = 0) {
    DriftState state = monitor_.state();
    for (int64_t i = 0; i < count; ++i) state = Second(shift, spread);
    return state;
  }
  /// Seconds until the state, at most 10,000.
  int64_t Until(DriftState state, double shift, double spread = 0) {
    int64_t seconds = 0;
    do {
      ++seconds;
    } while (Second(shift, spread) != state && seconds < 10'000);
    return seconds;
  }
  void Restart() { monitor_ = DriftMonitor::Parse(parameters_, monitor_.Serialize()).value(); }
  DriftMonitor& monitor() { return monitor_; }

 private:
  DriftParameters parameters_;
  DriftMonitor monitor_;
  Random random_;
};

TEST(FeatureExtractor, SecondHasAMeanAndASpread) {
  FeatureExtractor extractor(0.25);
  for (const float value : {1.F, 5.F, 1.F}) EXPECT_FALSE(extractor.Add(value).has_value());
  const auto features = extractor.Add(5);
  ASSERT_TRUE(features.has_value());
  EXPECT_DOUBLE_EQ((*features)[kFeatureMean], 3);
  EXPECT_DOUBLE_EQ((*features)[kFeatureSpread], std::cbrt(16.0 / 3));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(extractor.Add(7).has_value());
  EXPECT_THAT(extractor.Add(7), Optional(ElementsAre(7, 0))) << "of its own second alone";
}

TEST(FeatureExtractor, SlowChannelHasNoSpread) {
  FeatureExtractor extractor(10);
  const auto features = extractor.Add(4);
  ASSERT_TRUE(features.has_value());
  EXPECT_EQ((*features)[kFeatureMean], 4);
  EXPECT_TRUE(std::isnan((*features)[kFeatureSpread]));
}

TEST(FeatureExtractor, SecondNeedsHalfOfItsValues) {
  FeatureExtractor extractor(0.25);
  const float missing = std::numeric_limits<float>::quiet_NaN();
  for (const float value : {1.F, missing, 2.F}) extractor.Add(value);
  EXPECT_EQ((*extractor.Add(missing))[kFeatureMean], 1.5);
  for (const float value : {1.F, missing, missing}) extractor.Add(value);
  EXPECT_TRUE(std::isnan((*extractor.Add(missing))[kFeatureMean]));
}

// Skewness of the spread of 10 normal values; that of their deviation is 0.25, of its logarithm
// -0.5.
TEST(FeatureExtractor, SpreadIsNearlyNormal) {
  Random random(2);
  double sums[3] = {};
  std::vector<double> spreads;
  FeatureExtractor extractor(0.1);
  while (spreads.size() < 50'000) {
    const auto features = extractor.Add(static_cast<float>(random.Normal()));
    if (features) spreads.push_back((*features)[kFeatureSpread]);
  }
  for (const double spread : spreads) sums[0] += spread / 50'000;
  for (const double spread : spreads) {
    sums[1] += std::pow(spread - sums[0], 2) / 50'000;
    sums[2] += std::pow(spread - sums[0], 3) / 50'000;
  }
  EXPECT_NEAR(sums[2] / std::pow(sums[1], 1.5), 0, 0.08);
}

TEST(FeatureStandardizer, EachModeHasItsOwnReference) {
  FeatureStandardizer standardizer(100);
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(standardizer.Standardize(1, {0, 0}), std::nullopt);
    standardizer.Learn(1, {10 + random.Normal(), 1 + random.Normal()});
    EXPECT_EQ(standardizer.Learn(2, {500 + 20 * random.Normal(), kNan}), i == 99);
  }
  ASSERT_TRUE(standardizer.Knows(1) && standardizer.Knows(2));
  EXPECT_NEAR((*standardizer.Standardize(1, {12, 1}))[kFeatureMean], 2, 0.5);
  const auto second = *standardizer.Standardize(2, {520, 1});
  EXPECT_NEAR(second[kFeatureMean], 1, 0.4);
  EXPECT_TRUE(std::isnan(second[kFeatureSpread])) << "the mode never had it";
  EXPECT_EQ(standardizer.Standardize(3, {0, 0}), std::nullopt);
  EXPECT_FALSE(standardizer.Learn(1, {0, 0})) << "it is learned already";
}

TEST(FeatureStandardizer, FeatureThatNeverVariedIsNotEvaluated) {
  FeatureStandardizer standardizer(10);
  for (int i = 0; i < 10; ++i) standardizer.Learn(0, {7, i % 2 + 1.0});
  const auto standard = *standardizer.Standardize(0, {8, 1.5});
  EXPECT_TRUE(std::isnan(standard[kFeatureMean]));
  EXPECT_NEAR(standard[kFeatureSpread], 0, 1e-9);
}

TEST(FeatureStandardizer, ModesAreBounded) {
  FeatureStandardizer standardizer(2);
  for (int32_t mode = 0; mode < 1000; ++mode) {
    standardizer.Learn(mode, {1.0 * mode, 1});
    standardizer.Learn(mode, {2.0 * mode, 1});
  }
  EXPECT_TRUE(standardizer.Knows(255));
  EXPECT_FALSE(standardizer.Knows(256));
}

TEST(DriftMonitor, LearnsAndIsStable) {
  Plant plant({}, 1);
  EXPECT_EQ(plant.Seconds(3599), DriftState::kLearning);
  EXPECT_EQ(plant.Second(), DriftState::kStable);
  EXPECT_EQ(plant.Seconds(36'000), DriftState::kStable);
  EXPECT_EQ(plant.monitor().report().evaluated_s, 36'000);
}

TEST(DriftMonitor, ShiftIsSuspectedFastAndConfirmedSlowly) {
  double suspected = 0;
  double confirmed = 0;
  constexpr int kRuns = 40;
  for (int run = 0; run < kRuns; ++run) {
    Plant plant({}, run);
    plant.Seconds(3600 + 600);
    const int64_t first = plant.Until(DriftState::kSuspected, 1);
    suspected += static_cast<double>(first);
    confirmed += static_cast<double>(first + plant.Until(DriftState::kConfirmed, 1));
    const DriftReport report = plant.monitor().report();
    EXPECT_EQ(report.feature, kFeatureMean);
    EXPECT_NEAR(report.shift, 1, 0.4);
    EXPECT_LT(report.p, 1e-3);
    EXPECT_GT(report.stability_index, 0.25);
  }
  const double theory = CusumRunLength({0.5, 19.4 + std::log(2)}, 1);
  EXPECT_NEAR(suspected / kRuns / theory, 1, 0.1);
  EXPECT_LE(confirmed / kRuns, 180);
}

TEST(DriftMonitor, ChangeOfSpreadAloneIsFound) {
  Plant plant({}, 2);
  plant.Seconds(4000);
  EXPECT_LE(plant.Until(DriftState::kConfirmed, 0, -1.5), 200);
  EXPECT_EQ(plant.monitor().report().feature, kFeatureSpread);
  EXPECT_LT(plant.monitor().report().shift, -1);
}

TEST(DriftMonitor, WhatPassesIsNotConfirmedAndForgotten) {
  Plant plant({}, 3);
  plant.Seconds(4000);
  EXPECT_EQ(plant.Seconds(30, 2), DriftState::kSuspected);
  EXPECT_EQ(plant.Seconds(1700), DriftState::kSuspected);
  EXPECT_EQ(plant.Seconds(120), DriftState::kStable);
  EXPECT_LT(plant.monitor().report().level, 1);
}

TEST(DriftMonitor, ReturnsToStableWhenTheChannelDoes) {
  Plant plant({}, 4);
  plant.Seconds(4000);
  EXPECT_EQ(plant.Seconds(600, 1.5), DriftState::kConfirmed);
  EXPECT_EQ(plant.Seconds(900), DriftState::kStable);
}

TEST(DriftMonitor, OneWildSecondIsNoDrift) {
  Plant plant({}, 5);
  plant.Seconds(4000);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(plant.Second(1e30), DriftState::kStable);
  EXPECT_EQ(plant.Seconds(1000), DriftState::kStable);
}

TEST(DriftMonitor, ModesAreToldApart) {
  Plant plant({}, 6);
  for (int i = 0; i < 20'000; ++i) {
    const int32_t mode = i / 50 % 3;
    const DriftState state = plant.Second(0, 0, mode, 50 + 1000 * mode);
    ASSERT_TRUE(state == DriftState::kLearning || state == DriftState::kStable) << i;
  }
  EXPECT_EQ(plant.monitor().state(), DriftState::kStable);
  const int64_t skipped = plant.monitor().report().skipped_s;
  EXPECT_EQ(plant.Second(0, 0, 7, -900), DriftState::kStable) << "a mode that is not known";
  EXPECT_EQ(plant.monitor().report().skipped_s, skipped + 1);
}

TEST(DriftMonitor, SecondsWithoutValuesAreSkipped) {
  Plant plant({}, 7);
  plant.Seconds(3700);
  for (int i = 0; i < 100; ++i) plant.monitor().Add(0, kNoFeatures);
  EXPECT_EQ(plant.monitor().report().evaluated_s, 100);
  EXPECT_EQ(plant.monitor().state(), DriftState::kStable);
}

TEST(DriftMonitor, LearnsAnewWhenTold) {
  Plant plant({}, 8);
  plant.Seconds(4000);
  plant.Seconds(600, 3);
  plant.monitor().Relearn();
  EXPECT_EQ(plant.Seconds(3599, 3), DriftState::kLearning);
  EXPECT_EQ(plant.Seconds(5000, 3), DriftState::kStable);
}

TEST(DriftMonitor, WhatWasLearnedSurvivesARestart) {
  Plant plant({}, 9);
  plant.Seconds(1800);
  plant.Restart();
  EXPECT_EQ(plant.Seconds(1799), DriftState::kLearning);
  EXPECT_EQ(plant.Second(), DriftState::kStable) << "the hour goes on where it was";
  plant.Restart();
  EXPECT_EQ(plant.monitor().state(), DriftState::kStable);
  EXPECT_EQ(plant.Seconds(600, 1.5), DriftState::kConfirmed);
  plant.Restart();
  EXPECT_EQ(plant.Seconds(250), DriftState::kConfirmed);
  EXPECT_EQ(plant.Seconds(400), DriftState::kStable);
}

/// Seconds of a channel, each as far off `mean` as the others' normal scatter is.
std::vector<FeatureValues> RecordedSecondsAt(double mean, int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<FeatureValues> seconds;
  for (int64_t i = 0; i < count; ++i) {
    seconds.push_back({mean + 2 * random.Normal(), 3 + 0.1 * random.Normal()});
  }
  return seconds;
}

TEST(DriftMonitor, ComparesWithRecordingsFromTheFirstSecondOn) {
  Plant plant({}, 12);
  EXPECT_EQ(plant.monitor().reference(), DriftReference::kLive);
  ASSERT_TRUE(plant.monitor().LearnRecorded(0, RecordedSecondsAt(50, 20'000, 1)));
  EXPECT_EQ(plant.monitor().state(), DriftState::kStable);
  EXPECT_EQ(plant.monitor().report().reference, DriftReference::kTraining);
  EXPECT_EQ(plant.Seconds(3600), DriftState::kStable);
  EXPECT_EQ(plant.monitor().report().evaluated_s, 3600);
}

// Live values a deviation above the recorded ones. The largest distance of two such normal
// distributions is 2 Phi(1/2) - 1 = 0.383, and their index over ten bins of equal share 0.926;
// samples of 240 and 300 values give 0.405 and 0.98 on average, as a simulation in another language
// says.
TEST(DriftMonitor, ShiftThatWasThereBeforeTheFirstSecondIsMeasured) {
  constexpr int kRuns = 40;
  double ks = 0;
  double index = 0;
  double shift = 0;
  for (uint64_t run = 0; run < kRuns; ++run) {
    Plant plant({}, run);
    ASSERT_TRUE(plant.monitor().LearnRecorded(0, RecordedSecondsAt(50, 20'000, run + 100)));
    ASSERT_EQ(plant.Seconds(600, 1), DriftState::kConfirmed);
    const DriftReport report = plant.monitor().report();
    EXPECT_LT(report.p, 1e-6);
    ks += report.ks / kRuns;
    index += report.stability_index / kRuns;
    shift += report.shift / kRuns;
  }
  EXPECT_NEAR(ks, 0.405, 0.03);
  EXPECT_NEAR(index, 0.98, 0.12);
  EXPECT_NEAR(shift, 1, 0.05);
}

// A slow cycle, of which the first seconds see a part only.
TEST(DriftMonitor, RecordedSecondsAreTakenFromAllOfTheTime) {
  std::vector<FeatureValues> seconds = RecordedSecondsAt(40, 10'000, 3);
  const std::vector<FeatureValues> later = RecordedSecondsAt(60, 10'000, 4);
  seconds.insert(seconds.end(), later.begin(), later.end());
  Plant plant({}, 14);
  ASSERT_TRUE(plant.monitor().LearnRecorded(0, seconds));
  EXPECT_EQ(plant.Seconds(2000, 0), DriftState::kStable) << "50 is the mean of both";
}

TEST(DriftMonitor, TooFewRecordedSecondsLeaveItLearningLive) {
  Plant plant({}, 15);
  std::vector<FeatureValues> seconds = RecordedSecondsAt(50, 3599, 5);
  EXPECT_FALSE(plant.monitor().LearnRecorded(0, seconds));
  seconds.push_back(kNoFeatures);
  EXPECT_FALSE(plant.monitor().LearnRecorded(0, seconds)) << "a second without values is none";
  EXPECT_EQ(plant.Seconds(3599), DriftState::kLearning);
  EXPECT_EQ(plant.Second(), DriftState::kStable);
  EXPECT_EQ(plant.monitor().reference(), DriftReference::kLive);
  EXPECT_FALSE(plant.monitor().LearnRecorded(0, RecordedSecondsAt(50, 3600, 6)))
      << "it knows the mode";
}

TEST(DriftMonitor, ModeThatWasNotRecordedIsLearnedLive) {
  Plant plant({}, 16);
  ASSERT_TRUE(plant.monitor().LearnRecorded(0, RecordedSecondsAt(50, 4000, 7)));
  for (int i = 0; i < 3600; ++i) plant.Second(0, 0, 1, 900);
  EXPECT_EQ(plant.monitor().report().evaluated_s, 0);
  for (int i = 0; i < 600; ++i) plant.Second(2, 0, 1, 900);
  EXPECT_EQ(plant.monitor().state(), DriftState::kConfirmed);
}

TEST(DriftMonitor, WhatItIsComparedWithSurvivesARestartAndNotLearningAnew) {
  Plant plant({}, 17);
  ASSERT_TRUE(plant.monitor().LearnRecorded(0, RecordedSecondsAt(50, 4000, 8)));
  plant.Restart();
  EXPECT_EQ(plant.monitor().reference(), DriftReference::kTraining);
  EXPECT_FALSE(plant.monitor().relearnt());
  EXPECT_EQ(plant.Seconds(600, 2), DriftState::kConfirmed);
  plant.monitor().Relearn();
  plant.Restart();
  EXPECT_EQ(plant.monitor().reference(), DriftReference::kLive);
  EXPECT_TRUE(plant.monitor().relearnt());
}

TEST(DriftMonitor, AnyOtherFileIsRefused) {
  Plant plant({}, 10);
  plant.Seconds(4000);
  const std::string file = plant.monitor().Serialize();
  DriftParameters shorter;
  shorter.learn_s = 60;
  EXPECT_EQ(DriftMonitor::Parse(shorter, file).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(DriftMonitor::Parse({}, file.substr(0, file.size() - 1)).status().code(),
            absl::StatusCode::kDataLoss);
  Random random(11);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = file;
    damaged[random.Below(damaged.size())] = static_cast<char>(random.Below(256));
    auto parsed = DriftMonitor::Parse({}, damaged);
    if (!parsed.ok()) continue;
    for (int second = 0; second < 40; ++second) parsed->Add(0, {50 + 20.0 * second, 3});
  }
}

// Two features with a limit of 6 each. The reference's own error shortens run lengths: its mean is
// off by 1/60 of a deviation after 3,600 s.
TEST(DriftMonitor, SuspectsByChanceAsOftenAsTheory) {
  DriftParameters parameters;
  parameters.detector.cusum.h = 6 - std::log(2.0);
  parameters.doubt_s = 1;
  int64_t suspicions = 0;
  int64_t seconds = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Plant plant(parameters, seed + 50);
    plant.Seconds(3600);
    DriftState before = DriftState::kStable;
    for (int i = 0; i < 36'000; ++i) {
      const DriftState state = plant.Second();
      EXPECT_NE(state, DriftState::kConfirmed);
      suspicions += state == DriftState::kSuspected && before == DriftState::kStable ? 1 : 0;
      before = state;
      ++seconds;
    }
  }
  const double expected = 2 * static_cast<double>(seconds) / CusumRunLength({0.5, 6}, 0);
  EXPECT_NEAR(static_cast<double>(suspicions) / expected, 1, 0.1) << "expected " << expected;
}

TEST(DriftMonitor, DefaultsAreSilentOver100ChannelsOf36000Seconds) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Plant plant({}, seed + 1000);
    plant.Seconds(3600);
    for (int i = 0; i < 36'000; ++i) ASSERT_EQ(plant.Second(), DriftState::kStable) << seed;
  }
}

}  // namespace
}  // namespace millrace
