// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/cohort_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregation/secure/graph_parameters.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

TEST(CohortGraphTest, EverybodyMasksWithEverybodyUpToTheLargestCompleteCohort) {
  for (const int64_t sites : {4, 50, 128}) {
    MR_ASSERT_OK_AND_ASSIGN(const SecureGraph graph, GraphOf({}, sites, Sha256Of("cohort")));
    for (int site = 0; site < sites; ++site) {
      EXPECT_EQ(std::ssize(graph.neighbors(site)), sites - 1);
      EXPECT_EQ(graph.threshold(site), (sites + SecurePlan().Corrupt(sites)) / 2 + 1);
    }
  }
}

TEST(CohortGraphTest, OneSiteMoreMakesTwoGroups) {
  MR_ASSERT_OK_AND_ASSIGN(const SecureGraph graph, GraphOf({}, 129, Sha256Of("cohort")));
  for (int site = 0; site < 129; ++site) {
    EXPECT_THAT(std::ssize(graph.neighbors(site)), ::testing::AnyOf(63, 64));
  }
}

TEST(CohortGraphTest, TheCohortsDigestDealsTheGroups) {
  const auto neighbors = [](const char* seed) {
    return GraphOf({}, 256, Sha256Of(seed))->neighbors(0);
  };
  EXPECT_EQ(neighbors("cohort"), neighbors("cohort"));
  EXPECT_NE(neighbors("cohort"), neighbors("another"));
}

// Whoever works with the coordinator can try digests until many of its sites sit in one group: a
// group's threshold counts on it. 2 t - group must exceed every number of corrupt sites there that
// is likelier than 2^-40 in a deal.
TEST(CohortGraphTest, AGroupsThresholdHoldsForAnUnluckyDeal) {
  for (const int64_t sites : {129, 200, 1000}) {
    MR_ASSERT_OK_AND_ASSIGN(const SecureGraph graph, GraphOf({}, sites, Sha256Of("cohort")));
    const int64_t group = std::ssize(graph.neighbors(0)) + 1;
    const int64_t assumed = 2 * graph.threshold(0) - group - 1;
    EXPECT_LE(graph.threshold(0), 4 * group / 5) << "and one in five may still drop out";
    const LogBinomials binomials(sites);
    const Hypergeometric corrupt(binomials, sites, SecurePlan().Corrupt(sites), group);
    double more = 0;
    for (int64_t x = assumed + 1; x <= corrupt.largest(); ++x) more += corrupt.Probability(x);
    EXPECT_LE(more, 0x1p-40) << sites;
  }
}

TEST(CohortGraphTest, ARegularGraphIsThatOfThePlansLevels) {
  SecurePlan plan;
  plan.graph = MaskGraph::kRegular;
  MR_ASSERT_OK_AND_ASSIGN(const SecureGraph graph, GraphOf(plan, 500, Sha256Of("cohort")));
  MR_ASSERT_OK_AND_ASSIGN(const GraphParameters chosen, ChooseDegree(500, 0.1, 0.1, 40, 20));
  ASSERT_LT(chosen.degree, 499);
  for (int site = 0; site < 500; ++site) {
    EXPECT_EQ(std::ssize(graph.neighbors(site)), chosen.degree);
    EXPECT_EQ(graph.threshold(site), chosen.threshold);
  }
}

// A graph that held together without the dropouts that the plan expects need not without more.
TEST(CohortGraphTest, SoManyMustBeLeftOfARegularGraphThatTheyHoldTogether) {
  SecurePlan plan;
  plan.graph = MaskGraph::kRegular;
  for (const int64_t sites : {200, 500, 1000}) {
    MR_ASSERT_OK_AND_ASSIGN(const SecureGraph graph, GraphOf(plan, sites, Sha256Of("cohort")));
    const int64_t fewest = FewestInAll(plan, graph);
    EXPECT_LE(fewest, sites - sites / 10) << "what the plan expects to drop out may";
    EXPECT_GT(fewest, sites / 2);
    const int64_t degree = std::ssize(graph.neighbors(0)), corrupt = plan.Corrupt(sites);
    const LogBinomials binomials(sites);
    const auto apart = [&](int64_t left) {
      return DisconnectionBound(binomials, sites, degree, corrupt + sites - left);
    };
    EXPECT_LE(apart(fewest), 0x1p-40);
    EXPECT_GT(apart(fewest - 1), 0x1p-40);
  }
}

TEST(CohortGraphTest, ThreeBeyondTheCorruptMustBeLeftOfEveryGraph) {
  SecurePlan plan;
  for (const MaskGraph kind : {MaskGraph::kComplete, MaskGraph::kRegular}) {
    plan.graph = kind;
    EXPECT_EQ(FewestInAll(plan, *GraphOf(plan, 6, Sha256Of("cohort"))), 4);
  }
  plan.graph = MaskGraph::kComplete;
  EXPECT_EQ(FewestInAll(plan, *GraphOf(plan, 200, Sha256Of("cohort"))), 23);
}

TEST(CohortGraphTest, LevelsThatCannotBeHadAreRefused) {
  SecurePlan plan;
  plan.graph = MaskGraph::kRegular;
  plan.corrupt_share = 0.6;
  plan.dropout_share = 0.5;
  EXPECT_THAT(GraphOf(plan, 10, Sha256Of("cohort")),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("no threshold is safe")));
}

TEST(CohortGraphTest, ASiteHelpsToUnmaskForTheThresholdAndThreeBeyondTheCorrupt) {
  SecurePlan plan;
  EXPECT_EQ(FewestSurvivors(plan, 4, 3), 4);  // 3 + 1
  EXPECT_EQ(FewestSurvivors(plan, 20, 12), 12);
  plan.graph = MaskGraph::kRegular;
  EXPECT_EQ(FewestSurvivors(plan, 20, 4), 4);
}

}  // namespace
}  // namespace millrace
