// SPDX-License-Identifier: Apache-2.0
// More sites than mask with each other as one: random groups, and the k-regular graph, through a
// real coordinator.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/cohort_graph.h"
#include "tests/fault/secure_fleet.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::Contains;
using testing::Eventually;
using ::testing::Not;
using testing::SecureFleet;
using testing::TinyPlan;

constexpr int kProcesses = 3;

class SecureCrowdTest : public SecureFleet {
 protected:
  /// A round of all but one site, which dies with its masks in everybody's vectors. The round does
  /// not wait for it.
  void ExpectMeanWithoutOne(int sites, const std::string& graph) {
    TinyPlan tiny = PlanOf("honest_but_curious", sites - 1, sites - 8);
    tiny.cohort = absl::StrCat("target = ", sites - 1, "\nminimum = ", sites - 8,
                               "\nover_selection = ", 0.9 / sites,
                               "\nwait_s = 4\ndeadline_s = 100\n"
                               "[secure]\nphase_s = 30\ngraph = \"",
                               graph, "\"\n");
    MR_ASSERT_OK_AND_ASSIGN(const Plan plan, ParsePlan(tiny.Text()));
    ASSERT_EQ(plan.cohort_size(), sites);
    MR_ASSERT_OK_AND_ASSIGN(const SecureGraph masks, GraphOf(plan.secure, sites, Digest()));
    ASSERT_LT(std::ssize(masks.neighbors(0)), sites - 1) << "not everybody with everybody";

    ASSERT_TRUE(fleet_.StartCoordinator());
    std::vector<std::string> names = Names(sites);
    const std::string victim = names.back();
    names.pop_back();
    StartSites({victim}, "upload");
    const size_t share = (names.size() + kProcesses - 1) / kProcesses;
    for (size_t first = 0; first < names.size(); first += share) {
      const size_t end = std::min(names.size(), first + share);
      StartSites({names.begin() + first, names.begin() + end});
    }
    ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
    MR_ASSERT_OK(fleet_.as_operator().StartRun(tiny.Text()));
    // The evaluation after it would wait for the dead one's keys.
    v1::Run run;
    ASSERT_TRUE(Eventually([&] { return (run = fleet_.GetRun("tiny-1")).version() == 1; },
                           absl::Minutes(5)))
        << run.note() << fleet_.Logs();
    const v1::Round& round = run.history(0);
    EXPECT_EQ(round.phase(), v1::ROUND_PHASE_COMMITTED) << "in its first attempt";
    EXPECT_EQ(round.cohort_size(), sites);
    EXPECT_EQ(round.received_size(), sites - 1);
    EXPECT_THAT(round.received(), Not(Contains(victim)));
    ExpectMeanOf({round.received().begin(), round.received().end()}, plan);
  }
};

TEST_F(SecureCrowdTest, GroupsOfACohortGiveTheMeanOfAll) {
  ExpectMeanWithoutOne(kLargestCompleteCohort + 4, "complete");
}

TEST_F(SecureCrowdTest, RegularGraphGivesTheMeanOfAll) { ExpectMeanWithoutOne(60, "regular"); }

}  // namespace
}  // namespace millrace
