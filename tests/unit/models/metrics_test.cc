// SPDX-License-Identifier: Apache-2.0
#include "models/metrics.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/random.h"

namespace millrace {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Floats = std::vector<float>;
using Flags = std::vector<uint8_t>;
using Ints = std::vector<int64_t>;

TEST(RegressionMetricsTest, RmseAndMeanAbsoluteErrorByHand) {
  EXPECT_DOUBLE_EQ(Rmse(Floats{1, 2, 6}, Floats{1, 5, 2}), std::sqrt(25.0 / 3));
  EXPECT_DOUBLE_EQ(MeanAbsoluteError(Floats{1, 2, 6}, Floats{1, 5, 2}), 7.0 / 3);
}

TEST(RegressionMetricsTest, TheNasaScorePunishesLateMoreThanEarly) {
  EXPECT_NEAR(NasaScore(Floats{100}, Floats{113}), std::exp(1.0) - 1, 1e-12);
  EXPECT_NEAR(NasaScore(Floats{120}, Floats{110}), std::exp(1.0) - 1, 1e-12);
  EXPECT_NEAR(NasaScore(Floats{50, 70, 90}, Floats{63, 60, 90}), 2 * (std::exp(1.0) - 1), 1e-12);
}

TEST(RegressionMetricsTest, WithoutExamplesThereIsNoError) {
  EXPECT_TRUE(std::isnan(Rmse(Floats{}, Floats{})));
}

TEST(ClassificationMetricsTest, AccuracyCountsTheRightOnes) {
  EXPECT_DOUBLE_EQ(Accuracy(Ints{0, 1, 2, 1}, Ints{0, 1, 1, 0}), 0.5);
}

TEST(ClassificationMetricsTest, MacroF1ByHand) {
  // Class 0: precision 2/3, recall 1, F1 0.8. Class 1: 1/2, 1/2, 0.5. Class 2: none right, 0.
  const Ints truth = {0, 0, 1, 1, 2};
  const Ints predicted = {0, 0, 0, 1, 1};
  EXPECT_NEAR(MacroF1(predicted, truth, 3), (0.8 + 0.5 + 0) / 3, 1e-12);
}

TEST(ClassificationMetricsTest, MacroF1LeavesOutAClassThatNeverAppears) {
  EXPECT_DOUBLE_EQ(MacroF1(Ints{0, 2}, Ints{0, 2}, 5), 1);
}

TEST(RankingMetricsTest, AveragePrecisionByHand) {
  // Precision at the positives' ranks 1, 3 and 4: 1, 2/3, 3/4.
  EXPECT_NEAR(AveragePrecision(Floats{0.9F, 0.8F, 0.7F, 0.6F, 0.5F}, Flags{1, 0, 1, 1, 0}),
              (1 + 2.0 / 3 + 3.0 / 4) / 3, 1e-12);
}

TEST(RankingMetricsTest, TheDocumentedExampleOfScikitLearnAgrees) {
  const Flags truth = {0, 0, 1, 1};
  const Floats scores = {0.1F, 0.4F, 0.35F, 0.8F};
  EXPECT_NEAR(AveragePrecision(scores, truth), 0.8333, 5e-5);
  EXPECT_NEAR(Auroc(scores, truth), 0.75, 1e-12);
}

TEST(RankingMetricsTest, TiedScoresCountTogether) {
  // All tied: the precision is the share of positives, the area one half, in any order.
  for (const Flags& truth : {Flags{1, 0, 0, 1}, Flags{0, 0, 1, 1}}) {
    EXPECT_DOUBLE_EQ(AveragePrecision(Floats{3, 3, 3, 3}, truth), 0.5);
    EXPECT_DOUBLE_EQ(Auroc(Floats{3, 3, 3, 3}, truth), 0.5);
  }
}

TEST(RankingMetricsTest, AurocEqualsTheCountOverAllPairs) {
  Random random(7);
  Floats scores;
  Flags positive;
  for (int i = 0; i < 300; ++i) {
    positive.push_back(random.Below(4) == 0);
    scores.push_back(static_cast<float>(random.Below(20) + 3 * positive.back()));  // many ties
  }
  double above = 0;
  double pairs = 0;
  for (size_t p = 0; p < scores.size(); ++p) {
    for (size_t n = 0; n < scores.size(); ++n) {
      if (!positive[p] || positive[n]) continue;
      ++pairs;
      above += scores[p] > scores[n] ? 1 : scores[p] == scores[n] ? 0.5 : 0;
    }
  }
  EXPECT_NEAR(Auroc(scores, positive), above / pairs, 1e-12);
}

TEST(RankingMetricsTest, ASingleClassHasNoRanking) {
  EXPECT_TRUE(std::isnan(Auroc(Floats{1, 2}, Flags{1, 1})));
  EXPECT_TRUE(std::isnan(AveragePrecision(Floats{1, 2}, Flags{0, 0})));
}

TEST(RankingMetricsTest, ANanScoreRanksLast) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_DOUBLE_EQ(Auroc(Floats{nan, 1, nan, 2}, Flags{0, 1, 0, 1}), 1);
}

TEST(ClassificationMetricsTest, ArgMaxTakesTheFirstOfEqualScores) {
  EXPECT_THAT(ArgMax(Floats{0, 5, 5, 9, 1, 2}, 3), ElementsAre(1, 0));
}

/// `targets` over windows of two steps and one channel, each window 1, 1.
Dataset MakeData(const Plan& plan, const Floats& targets) {
  Series series;
  series.steps = static_cast<int64_t>(targets.size()) + 1;
  series.values.assign(series.steps, 1);
  series.labels.assign(1, 0);
  series.labels.insert(series.labels.end(), targets.begin(), targets.end());
  return AllWindows(plan, {series});
}

Plan MakePlan(LabelKind label, int64_t classes = 0) {
  Plan plan;
  plan.input.channels = {"a"};
  plan.input.window = 2;
  plan.label.kind = label;
  plan.label.classes = classes;
  return plan;
}

TEST(EvaluationSumsTest, RegressionSumsAddUpToThePooledMetrics) {
  const Plan plan = MakePlan(LabelKind::kColumn);
  std::vector<double> sums = EvaluationSums(plan, MakeData(plan, {1, 2}), Floats{2, 4});
  EXPECT_THAT(sums, ElementsAre(2, 5, 3));
  const std::vector<double> other = EvaluationSums(plan, MakeData(plan, {0}), Floats{-4});
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += other[i];
  EXPECT_THAT(MetricsFromSums(Task::kRegression, sums),
              UnorderedElementsAre(Pair("examples", 3), Pair("loss", 7),
                                   Pair("rmse", DoubleNear(std::sqrt(7.0), 1e-12)),
                                   Pair("mae", DoubleNear(7.0 / 3, 1e-12))));
}

TEST(EvaluationSumsTest, ClassificationSumsHoldCrossEntropyAndCorrectOnes) {
  const Plan plan = MakePlan(LabelKind::kColumn, /*classes=*/2);
  // Logits 0, ln 3 give the probabilities 1/4, 3/4; huge logits must not overflow.
  const float ln3 = std::log(3.0F);
  const std::vector<double> sums =
      EvaluationSums(plan, MakeData(plan, {1, 0, 1}), Floats{0, ln3, 0, ln3, 0, 1e30F});
  EXPECT_EQ(sums[0], 3);
  EXPECT_NEAR(sums[1], std::log(4.0 / 3) + std::log(4.0), 1e-6);
  EXPECT_EQ(sums[2], 2);
  EXPECT_NEAR(MetricsFromSums(Task::kClassification, sums).at("accuracy"), 2.0 / 3, 1e-12);
}

TEST(EvaluationSumsTest, ReconstructionSumsTheMeanSquaredErrorOfEachWindow) {
  const Plan plan = MakePlan(LabelKind::kNone);
  const Dataset data = MakeData(plan, {0, 0});
  const Floats outputs = {1, 3, 0, 0};  // against windows of ones: errors 0, 2 and -1, -1
  EXPECT_THAT(ReconstructionErrors(data, outputs), ElementsAre(2, 1));
  EXPECT_THAT(EvaluationSums(plan, data, outputs), ElementsAre(2, 3));
  EXPECT_THAT(MetricsFromSums(Task::kReconstruction, std::vector<double>{2, 3}),
              UnorderedElementsAre(Pair("examples", 2), Pair("loss", 1.5), Pair("mse", 1.5)));
}

TEST(EvaluationSumsTest, EveryTaskHasAsManySumsAsItSays) {
  const Plan regression = MakePlan(LabelKind::kColumn);
  const Plan classification = MakePlan(LabelKind::kColumn, 2);
  const Plan reconstruction = MakePlan(LabelKind::kNone);
  EXPECT_EQ(EvaluationSums(regression, MakeData(regression, {0}), Floats{0}).size(),
            EvaluationSumCount(Task::kRegression));
  EXPECT_EQ(EvaluationSums(classification, MakeData(classification, {0}), Floats{0, 0}).size(),
            EvaluationSumCount(Task::kClassification));
  EXPECT_EQ(EvaluationSums(reconstruction, MakeData(reconstruction, {0}), Floats{0, 0}).size(),
            EvaluationSumCount(Task::kReconstruction));
}

TEST(EvaluationSumsTest, WithoutExamplesThereIsOnlyTheirNumber) {
  EXPECT_THAT(MetricsFromSums(Task::kRegression, std::vector<double>{0, 0, 0}),
              UnorderedElementsAre(Pair("examples", 0)));
}

}  // namespace
}  // namespace millrace
