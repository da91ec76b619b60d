// SPDX-License-Identifier: Apache-2.0
// The secure sum of cohorts too large for every pattern: random ones, groups and the regular graph.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "aggregation/secure/cohort_graph.h"
#include "aggregation/secure/graph_parameters.h"
#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the cohort's words

/// Some of `sites`, at least `fewest` of them.
Sites Draw(Random& random, Sites sites, int64_t fewest) {
  const int64_t count = fewest + random.Below(std::ssize(sites) - fewest + 1);
  random.Shuffle(std::span(sites));
  sites.resize(count);
  std::ranges::sort(sites);
  return sites;
}

/// All but `count` of them.
Sites Lose(Random& random, const Sites& sites, int64_t count) {
  return Draw(random, sites, std::ssize(sites) - count);
}

TEST(LargeSecureSumTest, IsThePlainSumForRandomPatternsInACompleteGraph) {
  Random random(1);
  for (uint64_t seed = 1; seed <= 16; ++seed) {
    const int64_t sites = seed == 16 ? 60 : 7 + static_cast<int64_t>(random.Below(20));
    const int64_t threshold = CompleteGraph(sites, 0.1).threshold;
    const int64_t fewest = FewestSurvivors(SecurePlan{}, sites, threshold);
    const Sites all = FirstSites(sites);
    const Sites share = Draw(random, all, fewest), upload = Draw(random, share, fewest);
    const Sites agree = Draw(random, upload, threshold), reveal = Draw(random, agree, threshold);
    ExpectPlainSum({.sites = sites, .plan = PlanFor(kMaskedModes[seed % 2]), .seed = seed},
                   {all, share, upload, agree, reveal});
  }
}

// A group would keep its threshold if all who drop out were of it.
void ExpectPlainSumOfGroups(SecureMode mode, int64_t sites) {
  Random random(sites);
  const Sites all = FirstSites(sites);
  const Sites share = Lose(random, all, sites / 20), upload = Lose(random, share, sites / 20);
  const Sites agree = Lose(random, upload, sites / 40), reveal = Lose(random, agree, sites / 40);
  ExpectPlainSum({.sites = sites, .plan = PlanFor(mode)}, {all, share, upload, agree, reveal});
}

TEST(LargeSecureSumTest, IsThePlainSumOfTheSmallestCohortInGroups) {
  ExpectPlainSumOfGroups(SecureMode::kMalicious, 129);
}

TEST(LargeSecureSumTest, IsThePlainSumOfTwoHundredSitesInGroups) {
#ifdef MILLRACE_SANITIZED
  GTEST_SKIP() << "too long under sanitizers; the smallest cohort in groups takes the same ways";
#endif
  ExpectPlainSumOfGroups(SecureMode::kHonestButCurious, 200);
}

// So few drop out that every site keeps its threshold.
TEST(LargeSecureSumTest, IsThePlainSumOverARegularGraph) {
  SecurePlan plan = PlanFor(SecureMode::kHonestButCurious, MaskGraph::kRegular);
  plan.security_bits = 20;
  Random random(3);
  for (const int64_t sites : {40, 120}) {
    const auto parameters = ChooseDegree(sites, plan.corrupt_share, plan.dropout_share, 20, 20);
    MR_ASSERT_OK(parameters);
    ASSERT_LT(parameters->degree, sites - 1) << "everybody";
    const Sites all = FirstSites(sites);
    const Sites share = Lose(random, all, sites / 40), upload = Lose(random, share, sites / 40);
    const Sites reveal = Lose(random, upload, sites / 20);
    ExpectPlainSum({.sites = sites, .plan = plan}, {all, share, upload, upload, reveal});
  }
}

}  // namespace
}  // namespace millrace
