// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/graph_parameters.h"
#include "base/random.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;

Digest Seed(int i) { return Sha256Of(absl::StrCat("seed ", i)); }

bool Has(const std::vector<int>& sorted, int site) {
  return std::binary_search(sorted.begin(), sorted.end(), site);
}

// Ascending neighbours, none its own, each the other's.
void ExpectIsAGraph(const SecureGraph& graph) {
  for (int i = 0; i < graph.sites(); ++i) {
    const std::vector<int>& neighbors = graph.neighbors(i);
    EXPECT_TRUE(std::is_sorted(neighbors.begin(), neighbors.end(), std::less_equal<>()));
    EXPECT_FALSE(Has(neighbors, i));
    for (const int j : neighbors) {
      ASSERT_GE(j, 0);
      ASSERT_LT(j, graph.sites());
      EXPECT_TRUE(Has(graph.neighbors(j), i)) << i << " and " << j;
    }
  }
}

// Whether the sites that stay hold together.
bool IsConnected(const SecureGraph& graph, const std::vector<bool>& stays) {
  const auto first = std::find(stays.begin(), stays.end(), true);
  if (first == stays.end()) return true;
  std::vector<bool> reached(stays.size());
  std::vector<int> open = {static_cast<int>(first - stays.begin())};
  reached[open.front()] = true;
  while (!open.empty()) {
    const int site = open.back();
    open.pop_back();
    for (const int j : graph.neighbors(site)) {
      if (!stays[j] || reached[j]) continue;
      reached[j] = true;
      open.push_back(j);
    }
  }
  return reached == stays;
}

TEST(SecureGraphTest, CompleteGraphJoinsEverybody) {
  const SecureGraph graph = SecureGraph::Complete(5, 0.1);
  ExpectIsAGraph(graph);
  EXPECT_THAT(graph.neighbors(0), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(graph.neighbors(3), ElementsAre(0, 1, 2, 4));
  EXPECT_EQ(graph.threshold(3), 4);  // floor((5 + 1) / 2) + 1
}

TEST(SecureGraphTest, EverySiteOfARegularGraphHasTheDegree) {
  for (int sites = 2; sites < 30; ++sites) {
    for (int degree = 1; degree < sites; ++degree) {
      if (degree % 2 == 1 && sites % 2 == 1) continue;  // no such graph exists
      const SecureGraph graph = SecureGraph::Regular(sites, degree, 1, Seed(sites));
      ExpectIsAGraph(graph);
      for (int i = 0; i < sites; ++i) {
        EXPECT_EQ(std::ssize(graph.neighbors(i)), degree) << sites;
        EXPECT_EQ(graph.threshold(i), 1);
      }
    }
  }
}

// What Harary's construction is for.
TEST(SecureGraphTest, FewerSitesThanTheDegreeCannotPartARegularGraph) {
  constexpr int kSites = 10;
  for (int degree = 2; degree < kSites; ++degree) {
    const SecureGraph graph = SecureGraph::Regular(kSites, degree, 1, Seed(degree));
    for (uint32_t removed = 0; removed < 1U << kSites; ++removed) {
      if (std::popcount(removed) >= degree) continue;
      std::vector<bool> stays(kSites);
      for (int i = 0; i < kSites; ++i) stays[i] = (removed >> i & 1) == 0;
      ASSERT_TRUE(IsConnected(graph, stays)) << degree << ", " << removed;
    }
  }
}

TEST(SecureGraphTest, EveryPairIsEquallyLikely) {
  // 2000 graphs of 10 sites and degree 4: 889 each, standard deviation 22.
  std::map<std::pair<int, int>, int> count;
  for (int seed = 0; seed < 2000; ++seed) {
    const SecureGraph graph = SecureGraph::Regular(10, 4, 1, Seed(seed));
    for (int i = 0; i < 10; ++i) {
      for (const int j : graph.neighbors(i)) ++count[{i, j}];
    }
  }
  EXPECT_EQ(count.size(), 90u);
  for (const auto& [pair, times] : count) {
    EXPECT_NEAR(times, 889, 110) << pair.first << " and " << pair.second;
  }
}

TEST(SecureGraphTest, TheGraphOfASeedIsTheSameInEveryRelease) {
  const SecureGraph graph = SecureGraph::Regular(8, 2, 1, Seed(0));
  EXPECT_THAT(graph.neighbors(0), ElementsAre(1, 3));
  EXPECT_THAT(graph.neighbors(1), ElementsAre(0, 5));
}

TEST(SecureGraphTest, EveryByteOfTheSeedCounts) {
  const auto first_neighbors = [](const Digest& seed) {
    return SecureGraph::Regular(1000, 20, 1, seed).neighbors(0);
  };
  std::set<std::vector<int>> graphs = {first_neighbors(Seed(0))};
  for (size_t i = 0; i < 32; ++i) {
    Digest seed = Seed(0);
    seed.bytes[i] ^= 1;
    graphs.insert(first_neighbors(seed));
  }
  EXPECT_EQ(graphs.size(), 33u);
}

TEST(SecureGraphTest, GroupsAreCompleteAndOfNearlyEqualSize) {
  for (const int sites : {2, 3, 128, 129, 256, 257, 1000}) {
    const SecureGraph graph = SecureGraph::Groups(sites, 128, 0.1, 40, Seed(sites));
    ExpectIsAGraph(graph);
    std::set<std::vector<int>> groups;
    for (int i = 0; i < sites; ++i) {
      std::vector<int> group = graph.neighbors(i);
      group.insert(std::lower_bound(group.begin(), group.end(), i), i);
      EXPECT_EQ(graph.threshold(i), CompleteGroup(sites, std::ssize(group), 0.1, 40).threshold);
      groups.insert(std::move(group));
    }
    const int count = (sites + 127) / 128;  // as few as can be: no site is in two of them
    EXPECT_EQ(std::ssize(groups), count);
    for (const std::vector<int>& group : groups) {
      EXPECT_THAT(std::ssize(group), AllOf(Ge(sites / count), Le((sites + count - 1) / count)));
    }
  }
}

TEST(SecureGraphTest, GroupsAreDealtAtRandom) {
  const auto group_of_first = [](int seed) {
    return SecureGraph::Groups(256, 128, 0.1, 40, Seed(seed)).neighbors(0);
  };
  EXPECT_EQ(group_of_first(1), group_of_first(1));
  EXPECT_NE(group_of_first(1), group_of_first(2));
}

// Any failure here has a chance of 2^-20 a graph.
TEST(SecureGraphTest, ChosenParametersKeepTheirPromises) {
  constexpr int kSites = 300, kCorrupt = 30, kDropped = 30;
  MR_ASSERT_OK_AND_ASSIGN(const GraphParameters chosen, ChooseDegree(kSites, 0.1, 0.1, 40, 20));
  for (int trial = 0; trial < 200; ++trial) {
    const SecureGraph graph =
        SecureGraph::Regular(kSites, chosen.degree, chosen.threshold, Seed(trial));
    const auto is_corrupt = [](int site) { return site < kCorrupt; };
    const auto stays = [](int site) { return site < kSites - kDropped; };
    std::vector<bool> honest_staying(kSites);
    for (int i = 0; i < kSites; ++i) {
      const std::vector<int>& neighbors = graph.neighbors(i);
      EXPECT_LT(std::ranges::count_if(neighbors, is_corrupt), graph.threshold(i));
      EXPECT_GE(std::ranges::count_if(neighbors, stays), graph.threshold(i));
      honest_staying[i] = stays(i) && !is_corrupt(i);
    }
    EXPECT_TRUE(IsConnected(graph, honest_staying));
  }
}

}  // namespace
}  // namespace millrace
