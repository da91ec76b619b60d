// SPDX-License-Identifier: Apache-2.0
// Secure rounds between real processes over mTLS, one of ten sites killed with SIGKILL in each
// phase in turn, or the coordinator: the round's result is the mean of those whose updates are in.
#include <gmock/gmock.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/masked_vector.h"
#include "base/status.h"
#include "coordinator/round/update.h"
#include "models/catalogue/architecture.h"
#include "models/package.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/honest_update.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::Fleet;
using testing::HonestUpdate;
using testing::Process;
using testing::SiteUpdate;
using testing::TinyPlan;

constexpr int kSites = 10;
constexpr char kVictim[] = "site-3";

struct Death {
  const char* name;
  const char* before;  // the call of the victim that never comes
  const char* mode;
  bool counted;  // the victim's update is in when it dies
};
void PrintTo(const Death& death, std::ostream* out) { *out << death.name; }

class SecureRoundTest : public ::testing::Test {
 protected:
  /// Ten sites, of whom the victim kills itself before a call of round 1.
  void StartSites(const std::string& victim_dies_before) {
    for (int i = 0; i < kSites; ++i) {
      const std::string name = absl::StrCat("site-", i);
      fleet_.WriteSite(name, "", fleet_.federation().Issue(Role::kSite, name));
      std::vector<std::string> command = {MILLRACE_SECURE_SITE, fleet_.address(), fleet_.folder(),
                                          name};
      if (name == kVictim) command.push_back(victim_dies_before);
      fleet_.StartProcess(name, command);
    }
  }

  /// The exact weighted mean of the updates of round 1 from these sites.
  std::vector<double> MeanOfRoundOne(const Plan& plan, const std::vector<std::string>& sites) {
    const Architecture architecture = BuildArchitecture(plan).value();
    const UpdateShape shape = ShapeOf(plan, TaskKind::kTraining, architecture.layout);
    v1::Assignment assignment;
    assignment.mutable_id()->set_round(1);
    assignment.set_task(v1::TASK_KIND_TRAINING);
    assignment.set_parameters(shape.parameters);
    assignment.set_statistics(shape.statistics);
    std::vector<double> mean(shape.parameters, 0);
    double weight = 0;
    for (const std::string& site : sites) {
      const SiteUpdate update = HonestUpdate(site, assignment);
      for (int64_t i = 0; i < shape.parameters; ++i) mean[i] += update.weight * update.vector[i];
      weight += update.weight;
    }
    for (double& value : mean) value /= weight;
    total_share_ = WeightShare(plan, weight);
    return mean;
  }

  static TinyPlan PlanOf(const std::string& mode) {
    TinyPlan plan;
    plan.secure = mode;
    plan.rounds = 1;
    plan.normalization = "none";
    plan.cohort =
        "target = 10\nminimum = 6\nwait_s = 2\ndeadline_s = 9\nbackoff_s = 1\n[secure]\nphase_s = "
        "5\n";
    return plan;
  }

  /// Expects that version 1 is the start value plus the mean of these sites' updates.
  void ExpectMeanOf(const std::vector<std::string>& sites, const Plan& plan) {
    std::string bytes;
    MR_ASSERT_OK(fleet_.as_operator().ExportModel("tiny-1", 1, [&](absl::string_view chunk) {
      bytes.append(chunk.data(), chunk.size());
      return absl::OkStatus();
    }));
    MR_ASSERT_OK_AND_ASSIGN(const ModelPackage package, ParsePackage(bytes));
    const std::vector<float> start = InitialParameters(package.architecture, plan.run.seed);
    const std::vector<double> mean = MeanOfRoundOne(plan, sites);
    MR_ASSERT_OK_AND_ASSIGN(const FixedPoint fixed_point, FixedPointOf(plan));
    const double rounding = fixed_point.WorstError(total_share_) + 1e-6;
    for (size_t i = 0; i < mean.size(); ++i) {
      EXPECT_NEAR(package.parameters[i] - start[i], mean[i], rounding) << i;
    }
  }

  Fleet fleet_{MILLRACE_COORDINATOR};
  double total_share_ = 0;
};

// The victim's absence keeps the masking phase open until its deadline, with nine updates in.
TEST_F(SecureRoundTest, CoordinatorThatIsKilledWhileUpdatesComeInUnmasksThemAfterItsRestart) {
  const TinyPlan tiny = PlanOf("malicious");
  MR_ASSERT_OK_AND_ASSIGN(const Plan plan, ParsePlan(tiny.Text()));
  ASSERT_TRUE(fleet_.StartCoordinator());
  StartSites("upload");
  ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
  MR_ASSERT_OK(fleet_.as_operator().StartRun(tiny.Text()));
  ASSERT_TRUE(Eventually([&] {
    const v1::Run run = fleet_.GetRun("tiny-1");
    return run.history_size() > 0 && run.history(0).received_size() == kSites - 1;
  })) << fleet_.Logs();
  fleet_.coordinator().Kill();
  ASSERT_TRUE(fleet_.StartCoordinator());
  const v1::Run run = fleet_.AwaitEnd("tiny-1");
  ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet_.Logs();
  const v1::Round& round = run.history(0);
  EXPECT_EQ(round.phase(), v1::ROUND_PHASE_COMMITTED) << "in its first attempt" << fleet_.Logs();
  ExpectMeanOf({round.received().begin(), round.received().end()}, plan);
}

class SecureKillTest : public SecureRoundTest, public ::testing::WithParamInterface<Death> {};

TEST_P(SecureKillTest, RoundIsTheMeanOfThoseWhoseUpdatesAreIn) {
  const TinyPlan tiny = PlanOf(GetParam().mode);
  MR_ASSERT_OK_AND_ASSIGN(const Plan plan, ParsePlan(tiny.Text()));
  ASSERT_TRUE(fleet_.StartCoordinator());
  StartSites(GetParam().before);
  ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
  MR_ASSERT_OK(fleet_.as_operator().StartRun(tiny.Text()));
  const v1::Run run = fleet_.AwaitEnd("tiny-1");
  ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet_.Logs();
  EXPECT_EQ(run.secure_aggregation(), GetParam().mode);

  const v1::Round& round = run.history(0);
  ASSERT_EQ(round.round(), 1);
  EXPECT_EQ(round.phase(), v1::ROUND_PHASE_COMMITTED) << "in its first attempt";
  const std::vector<std::string> received(round.received().begin(), round.received().end());
  EXPECT_EQ(received.size(), static_cast<size_t>(GetParam().counted ? kSites : kSites - 1));
  EXPECT_EQ(std::count(received.begin(), received.end(), kVictim), GetParam().counted ? 1 : 0);

  ExpectMeanOf(received, plan);
}

const Death kDeaths[] = {
    {"Nobody", "", "honest_but_curious", true},
    {"BeforeAdvertising", "advertise", "honest_but_curious", false},
    {"BeforeSharing", "share", "honest_but_curious", false},
    {"BeforeUploading", "upload", "honest_but_curious", false},
    {"BeforeHearingWhoSurvived", "agree", "honest_but_curious", true},
    {"BeforeUnmasking", "unmask", "honest_but_curious", true},
    {"NobodyMalicious", "", "malicious", true},
    {"BeforeUploadingMalicious", "upload", "malicious", false},
    {"BeforeAgreeingMalicious", "agree", "malicious", true},
    {"BeforeUnmaskingMalicious", "unmask", "malicious", true},
};
INSTANTIATE_TEST_SUITE_P(Deaths, SecureKillTest, ::testing::ValuesIn(kDeaths),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace millrace
