// SPDX-License-Identifier: Apache-2.0
#include "scripts/simulate/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "scripts/train/round_report.h"

namespace millrace {
namespace {

Comparison TwoSites() {
  return {
      {{"press", {{"local", {{"mae", 1}, {"rmse", 2}}}, {"federated", {{"mae", 3}, {"rmse", 4}}}}},
       {"mill", {{"local", {{"mae", 2}, {"rmse", 4}}}, {"federated", {{"mae", 5}, {"rmse", 8}}}}}}};
}

TEST(ComparisonTest, TheMeanIsTakenPerMethodAndMetric) {
  MetricsByMethod mean = TwoSites().Mean();
  EXPECT_EQ(mean["local"]["mae"], 1.5);
  EXPECT_EQ(mean["federated"]["rmse"], 6);
}

TEST(ComparisonTest, TheTableHasABlockPerMetricInTheOrderOfTheMethods) {
  EXPECT_EQ(TwoSites().Table(),
            "mae                       local      federated\n"
            "press                    1.0000         3.0000\n"
            "mill                     2.0000         5.0000\n"
            "mean                     1.5000         4.0000\n"
            "\n"
            "rmse                      local      federated\n"
            "press                    2.0000         4.0000\n"
            "mill                     4.0000         8.0000\n"
            "mean                     3.0000         6.0000\n"
            "\n");
}

TEST(ComparisonTest, TheReportHasSitesAndMean) {
  EXPECT_EQ(TwoSites().ToJson().dump(),
            R"({"sites":[{"name":"press","local":{"mae":1.0,"rmse":2.0},)"
            R"("federated":{"mae":3.0,"rmse":4.0}},)"
            R"({"name":"mill","local":{"mae":2.0,"rmse":4.0},)"
            R"("federated":{"mae":5.0,"rmse":8.0}}],)"
            R"("mean":{"local":{"mae":1.5,"rmse":3.0},"federated":{"mae":4.0,"rmse":6.0}}})");
}

TEST(ComparisonTest, WithoutTestDataThereIsNoTable) { EXPECT_EQ(Comparison{}.Table(), ""); }

TEST(RoundLineTest, SaysRoundSitesLossMetricAndSeconds) {
  Plan plan;
  plan.run.rounds = 30;
  plan.label.kind = LabelKind::kRunToFailure;
  const RoundReport report{3, TaskKind::kTraining, 4, {{"train_loss", 0.0123}, {"rmse", 15.21}}};
  EXPECT_EQ(RoundLine(plan, report, 1.44),
            "round   3/30   sites 4   train loss 0.01230   validation rmse 15.2100   1.4 s");
  EXPECT_EQ(RoundLine(plan, {0, TaskKind::kStatistics, 4, {}}, 0.04),
            "scaling        sites 4   0.0 s");
}

}  // namespace
}  // namespace millrace
