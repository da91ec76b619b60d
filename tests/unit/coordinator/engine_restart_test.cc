// SPDX-License-Identifier: Apache-2.0
// Wherever the coordinator dies, a new engine on the same store and files ends the run with the
// same bits as one that never died.
#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/engine_rig.h"

namespace millrace {
namespace {

using testing::ClaimOf;
using testing::EngineRig;
using testing::ExpectFinishedAndFinite;
using testing::HonestUpdate;
using testing::kThreeSites;
using testing::SiteUpdate;

/// Everything a run computes.
struct Outcome {
  std::vector<Digest> models;
  std::vector<std::vector<Digest>> optimizer_states;
  std::vector<double> examples;
  std::vector<std::map<std::string, double>> metrics;
  std::vector<float> scaling;
  bool operator==(const Outcome&) const = default;
};

Outcome OutcomeOf(const RunState& run) {
  Outcome outcome;
  for (const ModelVersion& version : run.versions) {
    outcome.models.push_back(version.parameters);
    outcome.optimizer_states.push_back(version.optimizer_state);
    outcome.examples.push_back(version.examples);
    outcome.metrics.push_back(version.metrics);
  }
  if (run.scaling) outcome.scaling = run.scaling->overall.mean;
  return outcome;
}

/// FedAdam, so that the optimiser's state has to survive too; every attempt that a death costs is
/// followed by another.
testing::TinyPlan RestartPlan() {
  return {.cohort =
              "target = 3\nminimum = 3\nwait_s = 0\ndeadline_s = 60\nbackoff_s = 1\n"
              "attempts = 5\n",
          .server = "optimizer = \"fedadam\"\nlearning_rate = 0.1\n"};
}

struct Undisturbed {
  Outcome outcome;
  int64_t appends = 0;     // to the store, after the run's start
  int64_t disk_calls = 0;  // likewise
};

const Undisturbed& UndisturbedRun() {
  static const Undisturbed* const undisturbed = [] {
    EngineRig rig;
    rig.Start(RestartPlan());
    const int64_t appends = rig.store().appends();
    const int64_t calls = rig.disk().AllCalls();
    EXPECT_TRUE(rig.Finish(kThreeSites));
    return new Undisturbed{OutcomeOf(rig.Run()), rig.store().appends() - appends,
                           rig.disk().AllCalls() - calls};
  }();
  return *undisturbed;
}

void ExpectSameEnd(EngineRig& rig) {
  ASSERT_TRUE(rig.Finish(kThreeSites));
  ExpectFinishedAndFinite(rig);
  EXPECT_EQ(OutcomeOf(rig.Run()), UndisturbedRun().outcome);
}

TEST(EngineRestart, UndisturbedRunHasTheEventsThatTheOthersDieAt) {
  // Four rounds of an opening, three updates, a closing and a commit; and the end.
  EXPECT_EQ(UndisturbedRun().appends, 4 * 6 + 1);
  EXPECT_EQ(UndisturbedRun().outcome.models.size(), 3u);
}

TEST(EngineRestart, DeathRightBeforeAnyEventChangesNothing) {
  for (int64_t event = 0; event < UndisturbedRun().appends; ++event) {
    SCOPED_TRACE(event);
    EngineRig rig;
    rig.Start(RestartPlan());
    rig.store().DieAtAppend(event, /*written=*/false);
    ExpectSameEnd(rig);
  }
}

TEST(EngineRestart, DeathRightAfterAnyEventChangesNothing) {
  for (int64_t event = 0; event < UndisturbedRun().appends; ++event) {
    SCOPED_TRACE(event);
    EngineRig rig;
    rig.Start(RestartPlan());
    rig.store().DieAtAppend(event, /*written=*/true);
    ExpectSameEnd(rig);
  }
}

TEST(EngineRestart, DeathAtAnyCallOfTheDiskChangesNothing) {
  for (int64_t call = 0; call < UndisturbedRun().disk_calls; ++call) {
    SCOPED_TRACE(call);
    EngineRig rig;
    rig.Start(RestartPlan());
    rig.disk().DieAt(call);
    ExpectSameEnd(rig);
  }
}

TEST(EngineRestart, PowerCutAtAnyCallOfTheDiskChangesNothing) {
  for (int64_t call = 0; call < UndisturbedRun().disk_calls; ++call) {
    SCOPED_TRACE(call);
    EngineRig rig;
    rig.Start(RestartPlan());
    rig.CutPowerOnDeath();
    rig.disk().DieAt(call);
    ExpectSameEnd(rig);
  }
}

TEST(EngineRestart, HalfSentUpdateGoesOnWhereItStopped) {
  EngineRig rig;
  rig.Start(RestartPlan());
  rig.OpenRound(kThreeSites);
  const v1::Assignment assignment = rig.AssignmentOf("a");
  const SiteUpdate update = HonestUpdate("a", assignment);
  const UpdateClaim claim = ClaimOf("a", assignment, update);
  const std::string bytes = update.Bytes();
  MR_ASSERT_OK(rig.engine().BeginUpload(claim, Sha256Of(bytes)));
  MR_ASSERT_OK(rig.engine().FindUpload("a", claim.round).value()->Append(0, {bytes.data(), 33}));
  rig.Restart();
  const auto progress = rig.engine().BeginUpload(claim, Sha256Of(bytes));
  MR_ASSERT_OK(progress);
  EXPECT_EQ(progress->received, 33);
  EXPECT_FALSE(progress->accepted);
  MR_EXPECT_OK(rig.Send(claim, Sha256Of(bytes), bytes));
}

TEST(EngineRestart, AcknowledgedUpdateIsStillAcknowledged) {
  EngineRig rig;
  rig.Start(RestartPlan());
  rig.OpenRound(kThreeSites);
  const v1::Assignment assignment = rig.AssignmentOf("a");
  const SiteUpdate update = HonestUpdate("a", assignment);
  MR_ASSERT_OK(rig.SendHonest("a"));
  rig.Restart();
  const auto progress =
      rig.engine().BeginUpload(ClaimOf("a", assignment, update), Sha256Of(update.Bytes()));
  MR_ASSERT_OK(progress);
  EXPECT_TRUE(progress->accepted);
  EXPECT_EQ(rig.Run().Current()->contributions.size(), 1u);
}

TEST(EngineRestart, OutageLongerThanTheRoundLosesNoAcknowledgedUpdate) {
  EngineRig rig;
  rig.Start(RestartPlan());
  rig.OpenRound(kThreeSites);
  MR_ASSERT_OK(rig.SendHonest("a"));
  rig.clock().Advance(absl::Hours(5));
  rig.Restart();
  rig.engine().Step();
  MR_ASSERT_OK(rig.SendHonest("b"));
  MR_ASSERT_OK(rig.SendHonest("c"));
  ExpectSameEnd(rig);
  EXPECT_EQ(rig.Run().rounds.front().phase, RoundPhase::kCommitted);
}

TEST(EngineRestart, UpdateThatTheDiskLostCostsAnAttemptAndNotTheRun) {
  EngineRig rig;
  rig.Start(RestartPlan());
  rig.OpenRound(kThreeSites);
  MR_ASSERT_OK(rig.SendHonest("a"));
  MR_ASSERT_OK(rig.disk().Remove("uploads/tiny-1/0-1/a.update"));
  rig.Restart();
  ExpectSameEnd(rig);
  EXPECT_EQ(rig.Run().rounds.front().phase, RoundPhase::kAbandoned);
}

TEST(EngineRestart, EventsThatDoNotFollowAreDataLoss) {
  EngineRig rig;
  rig.Start(RestartPlan());
  const Event event = testing::At(testing::kStart, RoundCommitted{});
  MR_ASSERT_OK(rig.store().Append("tiny-1", 1, std::span(&event, 1), {}));
  const auto engine = Engine::Create({&rig.clock(), &rig.store(), nullptr, nullptr}, {});
  EXPECT_THAT(engine.status(),
              testing::IsStatus(absl::StatusCode::kDataLoss,
                                ::testing::HasSubstr("run tiny-1 event 1 does not follow")));
}

}  // namespace
}  // namespace millrace
