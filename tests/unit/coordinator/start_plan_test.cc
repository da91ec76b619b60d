// SPDX-License-Identifier: Apache-2.0
#include "coordinator/storage/start_plan.h"

#include <gmock/gmock.h>

#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kStart;

/// Three versions, the last with the optimiser's state.
RunState RunOfThreeVersions() {
  RunState run = testing::NewRun();
  run.versions[0].parameters = Sha256Of("model 0");
  for (int i = 1; i <= 2; ++i) {
    ModelVersion version;
    version.version = i;
    version.parameters = Sha256Of(absl::StrCat("model ", i));
    version.optimizer_state = {Sha256Of(absl::StrCat("state ", i))};
    run.versions.push_back(version);
  }
  return run;
}

StorageFindings AllWhole() {
  StorageFindings findings;
  for (const char* name : {"model 0", "model 1", "model 2", "state 2"}) {
    findings.blobs[Sha256Of(name)] = true;
  }
  return findings;
}

class StartPlanTest : public ::testing::Test {
 protected:
  StartSteps Plan(int64_t keep_versions = 0) {
    return PlanStart(std::span(&run_, 1), findings_, keep_versions);
  }

  RunState run_ = RunOfThreeVersions();
  StorageFindings findings_ = AllWhole();
};

TEST_F(StartPlanTest, WholeFolderNeedsNothing) {
  const StartSteps plan = Plan();
  EXPECT_THAT(plan.remove, IsEmpty());
  EXPECT_THAT(plan.quarantine, IsEmpty());
  EXPECT_THAT(plan.fail, IsEmpty());
  EXPECT_THAT(plan.losses, IsEmpty());
}

TEST_F(StartPlanTest, BlobThatNoRunRefersToIsRemovedDamagedOrNot) {
  findings_.blobs[Sha256Of("state 1")] = true;
  findings_.blobs[Sha256Of("half")] = false;
  const StartSteps plan = Plan();
  EXPECT_THAT(plan.remove, ::testing::UnorderedElementsAre(Sha256Of("state 1"), Sha256Of("half")));
  EXPECT_THAT(plan.quarantine, IsEmpty());
}

TEST_F(StartPlanTest, VersionsBeyondRetentionAreRemovedAndNotMissed) {
  EXPECT_THAT(Plan(2).remove, ElementsAre(Sha256Of("model 0")));
  findings_.blobs.erase(Sha256Of("model 0"));
  findings_.blobs.erase(Sha256Of("model 1"));
  const StartSteps grown = Plan(3);
  EXPECT_THAT(grown.losses, IsEmpty()) << "keep_versions was smaller before";
  EXPECT_THAT(grown.fail, IsEmpty());
}

TEST_F(StartPlanTest, DamagedOldVersionIsSetAsideAndTheRunGoesOn) {
  findings_.blobs[Sha256Of("model 1")] = false;
  const StartSteps plan = Plan();
  EXPECT_THAT(plan.quarantine, ElementsAre(Sha256Of("model 1")));
  EXPECT_THAT(plan.losses, ElementsAre(AllOf(HasSubstr("run tiny-1: version 1 is damaged"),
                                             HasSubstr(Sha256Of("model 1").Hex()))));
  EXPECT_THAT(plan.fail, IsEmpty());
}

TEST_F(StartPlanTest, RunWhoseNewestVersionIsDamagedOrMissingFails) {
  for (const bool damaged : {false, true}) {
    for (const char* name : {"model 2", "state 2"}) {
      findings_ = AllWhole();
      findings_.blobs.erase(Sha256Of(name));
      if (damaged) findings_.blobs[Sha256Of(name)] = false;
      const StartSteps plan = Plan();
      ASSERT_EQ(plan.fail.size(), 1u);
      EXPECT_EQ(plan.fail[0].run, "tiny-1");
      EXPECT_THAT(plan.fail[0].reason,
                  AllOf(HasSubstr("version 2"), HasSubstr(damaged ? "is damaged" : "is missing"),
                        HasSubstr("millrace restore")));
      EXPECT_EQ(plan.quarantine.size(), damaged ? 1u : 0u);
    }
  }
}

TEST_F(StartPlanTest, RunThatHasEndedOnlyLosesItsModel) {
  run_.phase = RunPhase::kFinished;
  findings_.blobs[Sha256Of("model 2")] = false;
  const StartSteps plan = Plan();
  EXPECT_THAT(plan.fail, IsEmpty());
  EXPECT_THAT(plan.losses, ElementsAre(HasSubstr("version 2 is damaged")));
}

TEST_F(StartPlanTest, UpdatesOfRoundsThatAreOverAreDiscarded) {
  run_ = testing::NewRun();
  findings_.blobs = {{run_.Newest().parameters, true}};
  testing::MustApply(run_, testing::Opening(run_, {"a", "b"}, kStart));
  const RoundId open = run_.Current()->id;
  const StagedRound current{"tiny-1", open.round, open.attempt};
  const StagedRound before{"tiny-1", open.round, open.attempt + 7};
  const StagedRound foreign{"gone-1", 3, 1};
  findings_.staged = {current, before, foreign};
  const StartSteps plan = Plan();
  EXPECT_THAT(plan.discard, ElementsAre(before, foreign));
  EXPECT_THAT(plan.over, ElementsAre("gone-1"));
}

TEST_F(StartPlanTest, AcknowledgedUpdateThatIsMissingIsSaid) {
  run_ = testing::NewRun();
  findings_.blobs = {{run_.Newest().parameters, true}};
  testing::MustApply(run_, testing::Opening(run_, {"a", "b"}, kStart));
  testing::MustApply(run_, testing::Accepting("a", kStart));
  testing::MustApply(run_, testing::Accepting("b", kStart));
  findings_.updates[run_.Current()->id] = {"b"};
  EXPECT_THAT(Plan().losses,
              ElementsAre(AllOf(HasSubstr("site a: its update for tiny-1"), HasSubstr("missing"))));
}

}  // namespace
}  // namespace millrace
