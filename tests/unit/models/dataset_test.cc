// SPDX-License-Identifier: Apache-2.0
#include "models/dataset.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Two channels, windows of three steps, a label per step.
Plan MakePlan(int64_t stride = 1) {
  Plan plan;
  plan.input.channels = {"a", "b"};
  plan.input.window = 3;
  plan.input.stride = stride;
  plan.input.normalization = Normalization::kNone;
  plan.label.kind = LabelKind::kColumn;
  plan.split.validation = 0;
  return plan;
}

/// Row t holds base + t and -(base + t); its label is base + t.
Series Ramp(const std::string& unit, int64_t steps, float base = 0) {
  Series series;
  series.unit = unit;
  series.steps = steps;
  for (int64_t t = 0; t < steps; ++t) {
    const float value = base + static_cast<float>(t);
    series.values.insert(series.values.end(), {value, -value});
    series.labels.push_back(value);
  }
  return series;
}

std::vector<float> Window(const Dataset& data, int64_t index) {
  std::vector<float> inputs(data.window * data.channels);
  float target = 0;
  data.Gather(std::span(&index, 1), inputs, std::span(&target, 1));
  return inputs;
}

std::vector<int> Ends(const Dataset& data) {
  std::vector<int> ends;
  for (const Example& example : data.examples) ends.push_back(example.end);
  return ends;
}

std::set<std::string> Units(const Dataset& data) {
  std::set<std::string> units;
  for (const Series& series : data.series) units.insert(series.unit);
  return units;
}

std::vector<Series> ManyUnits(int count) {
  std::vector<Series> series;
  for (int i = 0; i < count; ++i) series.push_back(Ramp("unit" + std::to_string(i), 5));
  return series;
}

TEST(DatasetTest, FullWindowsFollowOneAnotherByTheStride) {
  const Dataset data = AllWindows(MakePlan(/*stride=*/2), {Ramp("u", 8)});
  EXPECT_THAT(Ends(data), ElementsAre(2, 4, 6));
  EXPECT_THAT(Window(data, 1), ElementsAre(2, -2, 3, -3, 4, -4));
}

TEST(DatasetTest, ASeriesOfExactlyOneWindowGivesOne) {
  EXPECT_THAT(Ends(AllWindows(MakePlan(), {Ramp("u", 3)})), ElementsAre(2));
}

TEST(DatasetTest, ASeriesShorterThanTheWindowGivesNone) {
  EXPECT_THAT(Ends(AllWindows(MakePlan(), {Ramp("u", 2)})), IsEmpty());
}

TEST(DatasetTest, TheTargetIsTheLabelAtTheWindowsEnd) {
  const Dataset data = AllWindows(MakePlan(), {Ramp("u", 4, 10)});
  ASSERT_EQ(data.size(), 2);
  EXPECT_EQ(data.examples[0].target, 12);
  EXPECT_EQ(data.examples[1].target, 13);
}

TEST(DatasetTest, WindowsWithoutALabelAreLeftOut) {
  Series series = Ramp("u", 5);
  series.labels[3] = kNan;
  EXPECT_THAT(Ends(AllWindows(MakePlan(), {series})), ElementsAre(2, 4));
}

TEST(DatasetTest, ReconstructionNeedsNoLabels) {
  Plan plan = MakePlan();
  plan.label.kind = LabelKind::kNone;
  Series series = Ramp("u", 4);
  series.labels.clear();
  EXPECT_THAT(Ends(AllWindows(plan, {series})), ElementsAre(2, 3));
}

TEST(DatasetTest, TheLastWindowOfAShortSeriesRepeatsItsFirstRowInFront) {
  const Dataset data = LastWindows(MakePlan(), {Ramp("short", 2, 7), Ramp("long", 5, 20)});
  EXPECT_THAT(Window(data, 0), ElementsAre(7, -7, 7, -7, 8, -8));
  EXPECT_THAT(Window(data, 1), ElementsAre(22, -22, 23, -23, 24, -24));
}

TEST(DatasetTest, TheLastWindowOfAnEmptySeriesDoesNotExist) {
  EXPECT_THAT(Ends(LastWindows(MakePlan(), {Ramp("u", 0)})), IsEmpty());
}

TEST(DatasetTest, ABatchHoldsItsExamplesInTheOrderAskedFor) {
  const Dataset data = AllWindows(MakePlan(), {Ramp("u", 4), Ramp("v", 3, 50)});
  const std::vector<int64_t> indices = {2, 0};
  std::vector<float> inputs(2 * 6);
  std::vector<float> targets(2);
  data.Gather(indices, inputs, targets);
  EXPECT_THAT(inputs, ElementsAre(50, -50, 51, -51, 52, -52, 0, 0, 1, -1, 2, -2));
  EXPECT_THAT(targets, ElementsAre(52, 2));
}

TEST(DatasetTest, WindowNormalizationGivesMeanZeroAndDeviationOne) {
  Plan plan = MakePlan();
  plan.input.normalization = Normalization::kWindow;
  const Dataset data = AllWindows(plan, {Ramp("u", 3, 100)});
  // 100, 101, 102 has the deviation sqrt(2/3).
  const float one = std::sqrt(1.5F);
  const std::vector<float> expected = {-one, one, 0, 0, one, -one};
  const std::vector<float> window = Window(data, 0);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(window[i], expected[i], 1e-6) << i;
}

TEST(DatasetTest, WindowNormalizationMakesAConstantChannelZero) {
  Plan plan = MakePlan();
  plan.input.normalization = Normalization::kWindow;
  Series series = Ramp("u", 3);
  series.values.assign(6, 9046.19F);
  EXPECT_THAT(Window(AllWindows(plan, {series}), 0), Each(0));
}

TEST(SplitTest, ByUnitNoUnitIsInBothParts) {
  Plan plan = MakePlan();
  plan.split.validation = 0.3;
  const DatasetSplit split = SplitSeries(plan, ManyUnits(10), 1);
  EXPECT_EQ(split.validation.series.size(), 3);
  EXPECT_EQ(split.training.series.size(), 7);
  std::set<std::string> all = Units(split.training);
  all.merge(Units(split.validation));
  EXPECT_EQ(all.size(), 10);
}

TEST(SplitTest, ByUnitAllRecordingsOfOneUnitStayTogether) {
  Plan plan = MakePlan();
  plan.split.validation = 0.5;
  std::vector<Series> series = ManyUnits(6);
  for (const Series& again : ManyUnits(6)) series.push_back(again);
  const DatasetSplit split = SplitSeries(plan, series, 3);
  EXPECT_EQ(split.training.series.size(), 6);
  for (const std::string& unit : Units(split.validation)) {
    EXPECT_FALSE(Units(split.training).contains(unit)) << unit;
  }
}

TEST(SplitTest, ByUnitTheSeedChoosesTheUnits) {
  Plan plan = MakePlan();
  plan.split.validation = 0.3;
  const auto held_back = [&](uint64_t seed) {
    return Units(SplitSeries(plan, ManyUnits(20), seed).validation);
  };
  EXPECT_EQ(held_back(1), held_back(1));
  EXPECT_NE(held_back(1), held_back(2));
}

TEST(SplitTest, ByUnitTheOrderOfTheSeriesDoesNotMatter) {
  Plan plan = MakePlan();
  plan.split.validation = 0.3;
  std::vector<Series> reversed = ManyUnits(10);
  std::ranges::reverse(reversed);
  EXPECT_EQ(Units(SplitSeries(plan, reversed, 1).validation),
            Units(SplitSeries(plan, ManyUnits(10), 1).validation));
}

TEST(SplitTest, ByUnitTheOnlyUnitTrains) {
  Plan plan = MakePlan();
  plan.split.validation = 0.9;
  const DatasetSplit split = SplitSeries(plan, ManyUnits(1), 1);
  EXPECT_EQ(split.training.size(), 3);
  EXPECT_EQ(split.validation.size(), 0);
}

TEST(SplitTest, ByTimeTheLastPartIsHeldBackAndNoRowIsShared) {
  Plan plan = MakePlan();
  plan.split.by = SplitBy::kTime;
  plan.split.validation = 0.4;
  const DatasetSplit split = SplitSeries(plan, {Ramp("u", 10)}, 1);
  std::set<float> training_rows;
  for (int64_t i = 0; i < split.training.size(); ++i) {
    for (const float value : Window(split.training, i)) training_rows.insert(value);
  }
  // Rows 0..5 train (windows end at 2..5), rows 6..9 validate (8..9).
  EXPECT_EQ(split.training.size(), 4);
  EXPECT_EQ(split.validation.size(), 2);
  for (int64_t i = 0; i < split.validation.size(); ++i) {
    for (const float value : Window(split.validation, i)) {
      EXPECT_FALSE(training_rows.contains(value)) << value;
    }
  }
  EXPECT_THAT(Window(split.validation, 0), ElementsAre(6, -6, 7, -7, 8, -8));
  EXPECT_EQ(split.validation.examples[0].target, 8);
}

TEST(SplitTest, ByTimeCellsFollowTheirRows) {
  Plan plan = MakePlan();
  plan.split.by = SplitBy::kTime;
  plan.split.validation = 0.5;
  Series series = Ramp("u", 8);
  series.cells = {0, 0, 0, 0, 1, 2, 3, 4};
  const DatasetSplit split = SplitSeries(plan, {series}, 1);
  EXPECT_THAT(split.training.series[0].cells, Each(0));
  EXPECT_THAT(split.validation.series[0].cells, ElementsAre(1, 2, 3, 4));
}

TEST(SplitTest, WithoutAShareNothingIsHeldBack) {
  for (const SplitBy by : {SplitBy::kUnit, SplitBy::kTime}) {
    Plan plan = MakePlan();
    plan.split.by = by;
    const DatasetSplit split = SplitSeries(plan, ManyUnits(4), 1);
    EXPECT_EQ(split.training.size(), 12);
    EXPECT_EQ(split.validation.size(), 0);
  }
}

}  // namespace
}  // namespace millrace
