// SPDX-License-Identifier: Apache-2.0
// kill -9 of the coordinator's process: nothing that it acknowledged is lost.
#include <gmock/gmock.h>

#include <functional>
#include <map>

#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using testing::Fleet;
using testing::HeaderOf;
using testing::HonestUpdate;
using testing::SendBytes;
using testing::SiteLink;
using testing::SiteUpdate;
using testing::TakePart;
using testing::TinyPlan;

const std::vector<std::string> kSites = {"a", "b"};

std::map<std::string, std::unique_ptr<Link>> LinksTo(const Fleet& fleet) {
  std::map<std::string, std::unique_ptr<Link>> links;
  for (const std::string& site : kSites) {
    links[site] = std::make_unique<Link>(SiteLink(fleet.federation(), site, fleet.port()));
  }
  return links;
}

TinyPlan Plan() {
  TinyPlan plan;
  plan.cohort = "target = 2\nminimum = 2\nwait_s = 60\n";
  return plan;
}

struct Outcome {
  std::string model;  // digest of the newest version
  int attempts = 0;   // rounds in the history
};

/// Runs the plan with two honest sites; `disturb` is called after each acknowledged update.
void RunWith(const std::function<void(Fleet&)>& disturb, Outcome* outcome) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  MR_ASSERT_OK(fleet.as_operator().StartRun(Plan().Text()));
  for (int round = 0; round < 4; ++round) {
    // Both are there before either of them answers: a check-in that waits keeps its site present.
    auto links = LinksTo(fleet);
    v1::CheckInRequest request;
    for (const auto& [site, link] : links) MR_ASSERT_OK(link->CheckIn(request));
    for (const std::string& site : kSites) {
      MR_ASSERT_OK(TakePart(*links[site], site));
      disturb(fleet);
      links = LinksTo(fleet);
    }
  }
  const v1::Run run = fleet.AwaitEnd("tiny-1");
  ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet.Logs();
  MR_ASSERT_OK_AND_ASSIGN(const v1::Model model, fleet.as_operator().GetModel("tiny-1", -1));
  *outcome = {model.parameters_sha256(), run.history_size()};
}

TEST(CoordinatorKill, AfterEveryAcknowledgementGivesTheSameModel) {
  Outcome undisturbed;
  ASSERT_NO_FATAL_FAILURE(RunWith([](Fleet&) {}, &undisturbed));
  Outcome killed;
  ASSERT_NO_FATAL_FAILURE(RunWith(
      [](Fleet& fleet) {
        fleet.coordinator().Kill();
        ASSERT_TRUE(fleet.StartCoordinator());
      },
      &killed));
  EXPECT_EQ(killed.model, undisturbed.model);
  EXPECT_EQ(killed.attempts, 4) << "no round was tried twice";
}

TEST(CoordinatorKill, InTheMiddleOfAnUploadKeepsWhatHasArrived) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  TinyPlan plan = Plan();
  plan.cohort = "target = 1\nwait_s = 0\n";
  plan.normalization = "none";
  MR_ASSERT_OK(fleet.as_operator().StartRun(plan.Text()));
  auto links = LinksTo(fleet);
  MR_ASSERT_OK_AND_ASSIGN(const v1::Assignment assignment, testing::AwaitAssignment(*links["a"]));
  const SiteUpdate update = HonestUpdate("a", assignment);
  const v1::UploadHeader header = HeaderOf(assignment, update);
  MR_ASSERT_OK(SendBytes(*links["a"], header, update.Bytes().substr(0, 100)));

  fleet.coordinator().Kill();
  ASSERT_TRUE(fleet.StartCoordinator());
  links = LinksTo(fleet);
  MR_ASSERT_OK_AND_ASSIGN(const v1::UploadState state, links["a"]->BeginUpload(header));
  EXPECT_EQ(state.received_bytes(), 100);
  MR_ASSERT_OK_AND_ASSIGN(const v1::UploadState sent,
                          SendBytes(*links["a"], header, update.Bytes()));
  EXPECT_TRUE(sent.accepted());
}

TEST(CoordinatorKill, RightAfterARunStartedKeepsTheRun) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  MR_ASSERT_OK(fleet.as_operator().StartRun(Plan().Text()));
  fleet.coordinator().Kill();
  ASSERT_TRUE(fleet.StartCoordinator());
  EXPECT_EQ(fleet.GetRun("tiny-1").phase(), v1::RUN_PHASE_RUNNING);
}

}  // namespace
}  // namespace millrace
