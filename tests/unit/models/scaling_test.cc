// SPDX-License-Identifier: Apache-2.0
#include "models/scaling.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Two channels, four operating modes.
InputPlan MakeInput() {
  InputPlan input;
  input.channels = {"speed", "pressure"};
  input.modes = {{.column = "mode", .step = 1, .min = 0, .max = 3}};
  return input;
}

/// Modes 0, 1 and 3, each with its own mean and deviation; C-MAPSS's magnitudes.
Series RandomSeries(uint64_t seed, int64_t steps) {
  Random random(seed);
  Series series;
  series.steps = steps;
  for (int64_t t = 0; t < steps; ++t) {
    const auto cell = static_cast<int32_t>(std::vector<int>{0, 1, 3}[random.Below(3)]);
    series.cells.push_back(cell);
    series.values.push_back(static_cast<float>(9046 + 100 * cell + 2.5 * random.Normal()));
    series.values.push_back(static_cast<float>(0.03 + 0.001 * (cell + 1) * random.Normal()));
  }
  return series;
}

std::vector<double> Sum(std::vector<double> a, const std::vector<double>& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

struct Direct {
  double mean = 0;
  double deviation = 0;
  int64_t count = 0;
};

/// Two passes over the pooled rows of one mode (-1: all).
Direct DirectStatistics(const std::vector<Series>& sites, int32_t cell, int64_t channel) {
  Direct result;
  std::vector<double> values;
  for (const Series& site : sites) {
    for (int64_t t = 0; t < site.steps; ++t) {
      if (cell >= 0 && site.cells[t] != cell) continue;
      values.push_back(site.values[t * 2 + channel]);
    }
  }
  for (const double value : values) result.mean += value;
  result.mean /= static_cast<double>(values.size());
  for (const double value : values) result.deviation += std::pow(value - result.mean, 2);
  result.deviation = std::sqrt(result.deviation / static_cast<double>(values.size()));
  result.count = static_cast<int64_t>(values.size());
  return result;
}

void ExpectClose(const Scaling::Mode& mode, const std::vector<Series>& sites, int32_t cell) {
  for (int64_t channel = 0; channel < 2; ++channel) {
    const Direct direct = DirectStatistics(sites, cell, channel);
    EXPECT_EQ(mode.count, direct.count);
    EXPECT_NEAR(mode.mean[channel] / direct.mean, 1, 1e-6);
    EXPECT_NEAR(mode.deviation[channel] / direct.deviation, 1, 1e-5);
  }
}

TEST(ScalingTest, SummedMomentsGiveThePooledStatistics) {
  const InputPlan input = MakeInput();
  const std::vector<Series> sites = {RandomSeries(1, 9000), RandomSeries(2, 300)};
  const std::vector<double> moments = Sum(ScalingMoments(input, std::span(&sites[0], 1)),
                                          ScalingMoments(input, std::span(&sites[1], 1)));
  MR_ASSERT_OK_AND_ASSIGN(const Scaling scaling, Scaling::FromMoments(input, moments));
  ASSERT_EQ(scaling.modes.size(), 3);
  for (const Scaling::Mode& mode : scaling.modes) ExpectClose(mode, sites, mode.cell);
  ExpectClose(scaling.overall, sites, -1);
}

TEST(ScalingTest, MomentsAreCountSumAndSquaresPerCellAndChannel) {
  Series series;
  series.steps = 3;
  series.values = {1, 2, 3, 4, 5, 6};
  series.cells = {0, 2, 2};
  const std::vector<double> moments = ScalingMoments(MakeInput(), std::span(&series, 1));
  EXPECT_THAT(moments, ElementsAre(1, 1, 1, 1, 2, 4, 0, 0, 0, 0, 0, 0,  //
                                   2, 8, 34, 2, 10, 52, 0, 0, 0, 0, 0, 0));
}

TEST(ScalingTest, SurvivesTheFixedPointRoundingOfTheSum) {
  const InputPlan input = MakeInput();
  const std::vector<Series> sites = {RandomSeries(5, 2000)};
  std::vector<double> moments = ScalingMoments(input, sites);
  for (double& moment : moments) moment = std::round(moment * 0x1p32) * 0x1p-32;
  MR_ASSERT_OK_AND_ASSIGN(const Scaling scaling, Scaling::FromMoments(input, moments));
  for (const Scaling::Mode& mode : scaling.modes) ExpectClose(mode, sites, mode.cell);
}

TEST(ScalingTest, AppliedRowsHaveMeanZeroAndDeviationOnePerMode) {
  const InputPlan input = MakeInput();
  std::vector<Series> sites = {RandomSeries(3, 5000)};
  MR_ASSERT_OK_AND_ASSIGN(const Scaling scaling,
                          Scaling::FromMoments(input, ScalingMoments(input, sites)));
  scaling.Apply(sites[0]);
  for (const int32_t cell : {0, 1, 3}) {
    for (int64_t channel = 0; channel < 2; ++channel) {
      const Direct direct = DirectStatistics(sites, cell, channel);
      EXPECT_NEAR(direct.mean, 0, 1e-3);
      EXPECT_NEAR(direct.deviation, 1, 1e-3);
    }
  }
}

TEST(ScalingTest, AModeThatNoSiteHadSeenUsesTheOverallStatistics) {
  const InputPlan input = MakeInput();
  const std::vector<Series> sites = {RandomSeries(4, 1000)};
  MR_ASSERT_OK_AND_ASSIGN(const Scaling scaling,
                          Scaling::FromMoments(input, ScalingMoments(input, sites)));
  Series unseen;
  unseen.steps = 1;
  unseen.values = {9000, 0.5};
  unseen.cells = {2};
  scaling.Apply(unseen);
  const Scaling::Mode& overall = scaling.overall;
  EXPECT_FLOAT_EQ(unseen.values[0], (9000 - overall.mean[0]) / overall.deviation[0]);
  EXPECT_FLOAT_EQ(unseen.values[1], (0.5F - overall.mean[1]) / overall.deviation[1]);
}

TEST(ScalingTest, AConstantChannelBecomesZero) {
  InputPlan input = MakeInput();
  input.modes.clear();
  std::vector<Series> sites(1);
  sites[0].steps = 100000;
  for (int64_t t = 0; t < sites[0].steps; ++t) {
    sites[0].values.insert(sites[0].values.end(), {518.67F, 0.03F});
  }
  MR_ASSERT_OK_AND_ASSIGN(const Scaling scaling,
                          Scaling::FromMoments(input, ScalingMoments(input, sites)));
  EXPECT_THAT(scaling.overall.deviation, Each(1));
  scaling.Apply(sites[0]);
  for (const float value : sites[0].values) ASSERT_NEAR(value, 0, 1e-4);
}

TEST(ScalingTest, UnitOfAChannelMakesNoDifference) {
  InputPlan input = MakeInput();
  input.modes.clear();
  for (const float unit : {1e-9F, 1.0F, 1e9F}) {
    std::vector<Series> sites(1);
    sites[0].steps = 4;
    sites[0].values = {3 * unit, -unit, 5 * unit, unit, 3 * unit, -unit, 5 * unit, unit};
    MR_ASSERT_OK_AND_ASSIGN(const Scaling scaling,
                            Scaling::FromMoments(input, ScalingMoments(input, sites)));
    scaling.Apply(sites[0]);
    EXPECT_THAT(sites[0].values,
                ::testing::Pointwise(::testing::FloatNear(1e-4F), {-1, -1, 1, 1, -1, -1, 1, 1}))
        << unit;
  }
}

TEST(ScalingTest, ConstantChannelOfAnyUnitBecomesZero) {
  InputPlan input = MakeInput();
  input.modes.clear();
  for (const float unit : {1e-9F, 1.0F, 1e9F}) {
    std::vector<Series> sites(1);
    sites[0].steps = 1000;
    for (int64_t t = 0; t < sites[0].steps; ++t) {
      sites[0].values.insert(sites[0].values.end(), {518.67F * unit, 0});
    }
    MR_ASSERT_OK_AND_ASSIGN(const Scaling scaling,
                            Scaling::FromMoments(input, ScalingMoments(input, sites)));
    EXPECT_THAT(scaling.overall.deviation, Each(1)) << unit;
  }
}

TEST(ScalingTest, MomentsOfTheWrongLengthAreRefused) {
  const std::vector<double> moments(7);
  EXPECT_THAT(
      Scaling::FromMoments(MakeInput(), moments),
      IsStatus(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("7 numbers"), HasSubstr("24"))));
}

TEST(ScalingTest, NoDataAtAllIsRefused) {
  const std::vector<double> moments(24);
  EXPECT_THAT(Scaling::FromMoments(MakeInput(), moments),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("no site has any rows")));
}

/// Valid moments with one number replaced.
std::vector<double> Spoilt(size_t index, double value) {
  std::vector<double> moments;
  for (int i = 0; i < 8; ++i) moments.insert(moments.end(), {2, 4, 10});
  moments[index] = value;
  return moments;
}

TEST(ScalingTest, NonFiniteMomentsAreRefusedWithTheChannelsName) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(Scaling::FromMoments(MakeInput(), Spoilt(16, nan)),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("'pressure'"), HasSubstr("mode 2"))));
}

TEST(ScalingTest, NegativeCountsAreRefused) {
  EXPECT_THAT(Scaling::FromMoments(MakeInput(), Spoilt(0, -2)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("'speed'")));
}

TEST(ScalingTest, ChannelsOfOneModeWithDifferentCountsAreRefused) {
  EXPECT_THAT(Scaling::FromMoments(MakeInput(), Spoilt(3, 0)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("'pressure'")));
}

}  // namespace
}  // namespace millrace
