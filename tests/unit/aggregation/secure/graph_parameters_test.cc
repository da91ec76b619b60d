// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/graph_parameters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "plan/plan.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using testing::IsStatus;
using ::testing::Le;

TEST(CompleteGraphTest, ThresholdIsAboveHalfOfAllAndTheCorrupt) {
  EXPECT_EQ(CompleteGraph(2, 0.1).threshold, 2);
  EXPECT_EQ(CompleteGraph(3, 0.1).threshold, 3);     // floor((3 + 1) / 2) + 1
  EXPECT_EQ(CompleteGraph(10, 0.1).threshold, 6);    // floor((10 + 1) / 2) + 1
  EXPECT_EQ(CompleteGraph(30, 0.1).threshold, 17);   // floor((30 + 3) / 2) + 1
  EXPECT_EQ(CompleteGraph(128, 0.1).threshold, 71);  // floor((128 + 13) / 2) + 1
  EXPECT_EQ(CompleteGraph(128, 0.1).degree, 127);
}

TEST(CompleteGraphTest, TwoSetsOfThresholdHoldersShareAnHonestOne) {
  for (int64_t sites = 2; sites <= 300; ++sites) {
    for (const double share : {0.0, 0.1, 0.3}) {
      const int64_t threshold = CompleteGraph(sites, share).threshold;
      EXPECT_GT(2 * threshold - sites, AssumedCorrupt(sites, share)) << sites << ", " << share;
      EXPECT_LE(threshold, sites) << sites << ", " << share;
    }
  }
}

TEST(CompleteGroupTest, OneGroupOfAllIsTheCompleteGraph) {
  for (int64_t sites = 2; sites <= 300; ++sites) {
    EXPECT_EQ(CompleteGroup(sites, sites, 0.1, 40).threshold, CompleteGraph(sites, 0.1).threshold);
    EXPECT_EQ(CompleteGroup(sites, sites, 0.1, 40).degree, sites - 1);
  }
}

// By hand: of 8 sites 2 are corrupt. Both sit in one of the two groups of four with a chance of
// 2 C(6, 2) / C(8, 4) = 3/7.
TEST(CompleteGroupTest, AssumesTheMostCorruptThatSitInAnyGroup) {
  EXPECT_EQ(CompleteGroup(8, 4, 0.2, std::log2(7 / 3.001)).threshold, 3);  // (4 + 1) / 2 + 1
  EXPECT_EQ(CompleteGroup(8, 4, 0.2, std::log2(7 / 2.999)).threshold, 4);  // (4 + 2) / 2 + 1
}

TEST(CompleteGroupTest, ThresholdIsWithinReachAndNotBelowTheCompleteGraphs) {
  for (int64_t sites = 129; sites < 3000; sites += 13) {
    const int64_t group = sites / ((sites + 127) / 128);
    for (const double share : {0.0, 0.1, 0.3}) {
      const int64_t threshold = CompleteGroup(sites, group, share, 40).threshold;
      EXPECT_LE(threshold, group) << sites << ", " << share;
      EXPECT_GE(threshold, CompleteGraph(group, share).threshold) << sites << ", " << share;
    }
  }
}

// Whether the ring's places outside `removed` hold together, each beside its `degree` nearest.
bool IsConnected(uint32_t removed, int sites, int degree) {
  const uint32_t all = (1U << sites) - 1, staying = all & ~removed;
  uint32_t reached = staying & -staying;
  while (true) {
    uint32_t next = reached;
    for (int step = 1; step <= degree / 2; ++step) {
      next |= reached << step | reached >> (sites - step);
      next |= reached >> step | reached << (sites - step);
    }
    next &= staying;
    if (next == reached) return reached == staying;
    reached = next;
  }
}

TEST(DisconnectionBoundTest, CountsEveryWayToPartASmallRing) {
  constexpr int kSites = 16;
  const LogBinomials binomials(kSites);
  for (const int degree : {2, 4, 6}) {
    std::vector<int> apart(kSites + 1), all(kSites + 1);
    for (uint32_t removed = 0; removed < 1U << kSites; ++removed) {
      ++all[std::popcount(removed)];
      if (!IsConnected(removed, kSites, degree)) ++apart[std::popcount(removed)];
    }
    for (int count = 0; count <= kSites; ++count) {
      const double bound = DisconnectionBound(binomials, kSites, degree, count);
      const double exact = static_cast<double>(apart[count]) / all[count];
      EXPECT_GE(bound * (1 + 1e-12), exact) << degree << ", " << count;
      // Exactly two gaps and nothing to spare: no way is counted twice.
      if (count == degree) {
        EXPECT_NEAR(bound, exact, 1e-12) << degree;
      }
    }
  }
}

// The conditions once more, in whole numbers (n <= 60 keeps products of two within 128 bits).
unsigned __int128 Binomial(int64_t n, int64_t k) {
  if (k < 0 || k > n) return 0;
  unsigned __int128 result = 1;
  for (int64_t i = 1; i <= k; ++i) result = result * (n - k + i) / i;
  return result;
}

double Tail(int64_t population, int64_t marked, int64_t drawn, int64_t from, int64_t to) {
  unsigned __int128 ways = 0;
  for (int64_t x = from; x <= to; ++x) {
    ways += Binomial(marked, x) * Binomial(population - marked, drawn - x);
  }
  return static_cast<double>(ways) / static_cast<double>(Binomial(population, drawn));
}

bool IsGood(int64_t n, int64_t corrupt, int64_t dropped, GraphParameters graph, double security,
            double correctness) {
  const int64_t k = graph.degree, t = graph.threshold;
  const int64_t staying = std::min(n - dropped, n - 1);
  double insecure = static_cast<double>(n) * Tail(n - 1, corrupt, k, t, k);
  if (k < n - 1) {
    insecure += static_cast<double>(n * (n - k - 1)) / 2 *
                static_cast<double>(Binomial(n - k, corrupt + dropped - k)) /
                static_cast<double>(Binomial(n, corrupt + dropped));
  }
  const double incorrect = static_cast<double>(n) * Tail(n - 1, staying, k, 0, t - 1);
  return insecure <= std::exp2(-security) && incorrect <= std::exp2(-correctness);
}

TEST(ChooseDegreeTest, NoSmallerDegreeOrThresholdIsGoodByExactCounting) {
  for (const int64_t sites : {5, 12, 20, 37, 60}) {
    for (const double share : {0.05, 0.2}) {
      for (const double bits : {2.0, 6.0, 12.0}) {
        MR_ASSERT_OK_AND_ASSIGN(const GraphParameters chosen,
                                ChooseDegree(sites, share, share, bits, bits / 2));
        const int64_t away = AssumedCorrupt(sites, share);
        GraphParameters smallest;
        for (int64_t degree = 2; smallest.degree == 0; degree += 2) {
          ASSERT_LE(degree, sites) << "nothing is good";
          const int64_t k = std::min(degree, sites - 1);
          for (int64_t t = k; t > 0; --t) {
            if (IsGood(sites, away, away, {k, t}, bits, bits / 2)) smallest = {k, t};
          }
        }
        EXPECT_EQ(chosen.degree, smallest.degree) << sites << ", " << share << ", " << bits;
        EXPECT_EQ(chosen.threshold, smallest.threshold) << sites << ", " << share << ", " << bits;
      }
    }
  }
}

// From the authors' program, google-parfait/federated-compute,
// fcp/secagg/server/graph_parameter_finder_test.cc, for 40 bits of security and 20 of correctness.
// It draws neighbours from n sites where we draw from n - 1, and keeps 41 bits for each of the two
// ways to lose security where we keep 40 for both.
TEST(ChooseDegreeTest, AgreesWithTheAuthorsTable) {
  struct {
    int64_t sites;
    double corrupt, dropout;
    int64_t degree, threshold;
  } constexpr kTable[] = {
      {100, 0.45, 0.45, 92, 46},         {1000, 0.45, 0.45, 822, 417},
      {10'000, 0.45, 0.45, 3494, 1771},  {100, 0.33, 0.33, 68, 34},
      {1000, 0.33, 0.33, 286, 150},      {10'000, 0.33, 0.33, 422, 221},
      {1'000'000, 0.33, 0.33, 518, 270}, {100, 0.05, 0.33, 28, 6},
      {1000, 0.05, 0.33, 72, 24},        {10'000, 0.05, 0.33, 86, 29},
      {1'000'000, 0.05, 0.33, 102, 34},  {100, 0.33, 0.05, 34, 29},
      {1000, 0.33, 0.05, 78, 60},        {10'000, 0.33, 0.05, 92, 70},
      {1'000'000, 0.33, 0.05, 110, 83},  {100, 0.05, 0.05, 12, 6},
      {1000, 0.05, 0.05, 30, 17},        {10'000, 0.05, 0.05, 34, 20},
      {1'000'000, 0.05, 0.05, 38, 22},
  };
  for (const auto& row : kTable) {
    MR_ASSERT_OK_AND_ASSIGN(const GraphParameters low,
                            ChooseDegree(row.sites, row.corrupt, row.dropout, 40, 20));
    MR_ASSERT_OK_AND_ASSIGN(const GraphParameters high,
                            ChooseDegree(row.sites, row.corrupt, row.dropout, 41, 20));
    const int64_t slack = 2 + row.degree / 1000;
    EXPECT_THAT(row.degree, AllOf(Ge(low.degree - slack), Le(high.degree + slack))) << row.sites;
    EXPECT_THAT(row.threshold, AllOf(Ge(low.threshold - slack), Le(high.threshold + slack)))
        << row.sites;
  }
}

TEST(ChooseDegreeTest, MoreOfAnythingNeverNeedsFewerNeighbours) {
  const auto degree = [](double corrupt, double dropout, double security, double correctness) {
    return ChooseDegree(1000, corrupt, dropout, security, correctness)->degree;
  };
  const int64_t base = degree(0.1, 0.1, 40, 20);
  EXPECT_LT(base, degree(0.2, 0.1, 40, 20));
  EXPECT_LT(base, degree(0.1, 0.2, 40, 20));
  EXPECT_LT(base, degree(0.1, 0.1, 60, 20));
  EXPECT_LT(base, degree(0.1, 0.1, 40, 40));
}

TEST(ChooseDegreeTest, NeighboursGrowLikeTheLogarithmOfTheSites) {
  std::vector<int64_t> degrees;
  for (const int64_t sites : {1000, 10'000, 100'000, 1'000'000}) {
    MR_ASSERT_OK_AND_ASSIGN(const GraphParameters chosen, ChooseDegree(sites, 0.2, 0.2, 40, 30));
    degrees.push_back(chosen.degree);
  }
  EXPECT_EQ(degrees, (std::vector<int64_t>{110, 134, 146, 158}));
}

TEST(ChooseDegreeTest, FewSitesMaskWithEverybody) {
  for (const int64_t sites : {5, 6, 7}) {
    MR_ASSERT_OK_AND_ASSIGN(const GraphParameters chosen, ChooseDegree(sites, 0.3, 0.3, 40, 20));
    EXPECT_EQ(chosen.degree, sites - 1);
    EXPECT_EQ(chosen.threshold, AssumedCorrupt(sites, 0.3) + 1);
  }
}

TEST(ChooseDegreeTest, WhatNoGraphGivesIsRefusedWithItsNumbers) {
  const auto refused = [](int64_t sites, double corrupt, double dropout, double security,
                          const char* why) {
    EXPECT_THAT(ChooseDegree(sites, corrupt, dropout, security, 20),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused(3, 0.3, 0.6, 40, "of 3 sites 1 are corrupt and 2 drop out");
  refused(3, 0.5, 0.4, 40, "of 3 sites 2 are corrupt and 2 drop out");
  refused(2, 0, 0, 40, "of 2 sites 1 are corrupt and 0 drop out");
  refused(0, 0.1, 0.1, 40, "of 0 sites");
  refused(100, 0.1, -0.1, 40, "-0.1");
  refused(100, std::nan(""), 0.1, 40, "nan");
  refused(100, 0.1, 0.1, 0, "security");
}

}  // namespace
}  // namespace millrace
