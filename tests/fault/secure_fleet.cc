// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/secure_fleet.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "aggregation/secure/masked_vector.h"
#include "base/file_system.h"
#include "coordinator/round/update.h"
#include "models/catalogue/architecture.h"
#include "models/package.h"
#include "tests/testing/eventually.h"
#include "tests/testing/honest_update.h"
#include "tests/testing/status_matchers.h"

namespace millrace::testing {
namespace {

struct WeightedMean {
  std::vector<double> mean;
  double weight = 0;
};

/// The exact weighted mean of the updates of round 1 from these sites.
WeightedMean MeanOfRoundOne(const Plan& plan, const std::vector<std::string>& sites,
                            double idle_weight) {
  const Architecture architecture = BuildArchitecture(plan).value();
  const UpdateShape shape = ShapeOf(plan, TaskKind::kTraining, architecture.layout);
  v1::Assignment assignment;
  assignment.mutable_id()->set_round(1);
  assignment.set_task(v1::TASK_KIND_TRAINING);
  assignment.set_parameters(shape.parameters);
  assignment.set_statistics(shape.statistics);
  WeightedMean of{std::vector<double>(shape.parameters, 0), idle_weight};
  for (const std::string& site : sites) {
    const SiteUpdate update = HonestUpdate(site, assignment);
    const float bound = static_cast<float>(plan.secure.bound);
    for (int64_t i = 0; i < shape.parameters; ++i) {
      of.mean[i] += update.weight * std::clamp(update.vector[i], -bound, bound);
    }
    of.weight += update.weight;
  }
  for (double& value : of.mean) value /= of.weight;
  return of;
}

}  // namespace

TinyPlan SecureFleet::PlanOf(const std::string& mode, int target, int minimum) {
  TinyPlan plan;
  plan.secure = mode;
  plan.rounds = 1;
  plan.normalization = "none";
  plan.cohort =
      absl::StrCat("target = ", target, "\nminimum = ", minimum,
                   "\nwait_s = 2\ndeadline_s = 9\nbackoff_s = 1\n[secure]\nphase_s = 3\n");
  return plan;
}

std::vector<std::string> SecureFleet::Names(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(absl::StrFormat("site-%03d", i));
  return names;
}

void SecureFleet::Start(const std::vector<std::string>& names,
                        const std::vector<std::string>& halt) {
  for (const std::string& name : names) {
    fleet_.WriteSite(name, "", fleet_.federation().Issue(Role::kSite, name));
  }
  std::vector<std::string> command = {MILLRACE_SECURE_SITE, fleet_.address(), fleet_.folder(),
                                      absl::StrJoin(names, ",")};
  command.insert(command.end(), halt.begin(), halt.end());
  fleet_.StartProcess(names, command);
}

void SecureFleet::StartSites(const std::vector<std::string>& names, const std::string& dies_before,
                             int round) {
  if (dies_before.empty()) {
    Start(names, {});
  } else {
    Start(names, {dies_before, absl::StrCat(round)});
  }
}

void SecureFleet::StartSitesThatWait(const std::vector<std::string>& names,
                                     const std::string& before) {
  Start(names, {before, "1", released()});
}

bool SecureFleet::AwaitWaiting(const std::vector<std::string>& names) {
  return Eventually([&] {
    const std::string log = fleet_.site(names.front()).Log();
    return std::ranges::all_of(names, [&](const std::string& name) {
      return absl::StrContains(log, absl::StrCat(name, ": waits before "));
    });
  });
}

void SecureFleet::Release() { MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), released(), "")); }

void SecureFleet::ExpectMeanOf(const std::vector<std::string>& sites, const Plan& plan,
                               double idle_weight) {
  std::string bytes;
  MR_ASSERT_OK(fleet_.as_operator().ExportModel("tiny-1", 1, [&](absl::string_view chunk) {
    bytes.append(chunk.data(), chunk.size());
    return absl::OkStatus();
  }));
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage package, ParsePackage(bytes));
  const std::vector<float> start = InitialParameters(package.architecture, plan.run.seed);
  const WeightedMean expected = MeanOfRoundOne(plan, sites, idle_weight);
  MR_ASSERT_OK_AND_ASSIGN(const FixedPoint fixed_point, FixedPointOf(plan));
  const double rounding = fixed_point.WorstError(WeightShare(plan, expected.weight)) + 1e-6;
  for (size_t i = 0; i < expected.mean.size(); ++i) {
    EXPECT_NEAR(package.parameters[i] - start[i], expected.mean[i], rounding) << i;
  }
}

}  // namespace millrace::testing
