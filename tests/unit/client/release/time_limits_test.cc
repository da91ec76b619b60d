// SPDX-License-Identifier: Apache-2.0
#include "client/release/time_limits.h"

#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kLimitMs = 1e6;
constexpr absl::StatusCode kTooSlow = absl::StatusCode::kFailedPrecondition;

/// `count` machines at 10 Hz with a verdict every five rows.
MachineConfig LimitedPumps(const std::string& model, int count) {
  MachineConfig pumps;
  for (int i = 0; i < count; ++i) pumps.names.push_back(model + "-" + std::to_string(i));
  pumps.model = model;
  pumps.rate_hz = 10;
  pumps.hop = 5;
  pumps.channels.push_back({.name = "current", .unit = "", .rate_hz = 10, .rules = {}});
  return pumps;
}

ModelPackage PackageOfWindow(const std::string& name, int64_t window) {
  ModelPackage package;
  package.manifest.set_name(name);
  package.plan.input.window = window;
  return package;
}

TEST(TimeLimitsTest, ComeFromTheSitesMachinesAndItsBudget) {
  const ServingDemands demands{
      {LimitedPumps("pumps", 40), LimitedPumps("presses", 3), LimitedPumps("pumps", 200)}, 10, 30};
  const InstallLimits limits = InstallLimitsOf(demands, PackageOfWindow("pumps", 20));
  EXPECT_EQ(limits.batch, 64) << "the engine scores no more at a time";
  EXPECT_EQ(limits.batch_ns, 10 * kLimitMs);
  EXPECT_NEAR(limits.due_ns, 1e9 / 480, 1) << "240 machines, two verdicts a second on each";
  const InstallLimits few = InstallLimitsOf(demands, PackageOfWindow("presses", 20));
  EXPECT_EQ(few.batch, 3);
  EXPECT_NEAR(few.due_ns, 1e9 / 6, 1);
}

TEST(TimeLimitsTest, ThreadsShareTheMachines) {
  const ServingDemands demands{{LimitedPumps("pumps", 41)}, 10, 30, /*workers=*/4};
  const InstallLimits limits = InstallLimitsOf(demands, PackageOfWindow("pumps", 20));
  EXPECT_EQ(limits.batch, 11);
  EXPECT_NEAR(limits.due_ns, 1e9 / 22, 1);
}

TEST(TimeLimitsTest, ThreadThatHasTheMostMachinesCounts) {
  ServingDemands demands{{LimitedPumps("pumps", 30), LimitedPumps("presses", 10)}, 10, 30, 2};
  // As much comes of the presses as of the pumps: each kind has a thread.
  demands.machines[1].channels[0].rate_hz = 50;
  const InstallLimits limits = InstallLimitsOf(demands, PackageOfWindow("pumps", 20));
  EXPECT_EQ(limits.batch, 30) << "15 if they were dealt out evenly";
  EXPECT_NEAR(limits.due_ns, 1e9 / 60, 1);
}

TEST(TimeLimitsTest, MachineIsOnTheThreadOfWhoseRowsItIsJudgedBy) {
  ServingDemands demands{{LimitedPumps("pumps", 40)}, 10, 30, 2};
  MachineConfig lives = LimitedPumps("lives", 10);
  for (size_t i = 0; i < lives.names.size(); ++i) {
    lives.channels_of.push_back(demands.machines[0].names[i]);
  }
  demands.machines.push_back(lives);
  const InstallLimits limits = InstallLimitsOf(demands, PackageOfWindow("lives", 20));
  EXPECT_EQ(limits.batch, 10) << "all of them stand at the beginning of the line";
  EXPECT_NEAR(limits.due_ns, 1e9 / 20, 1);
}

TEST(TimeLimitsTest, WithoutAHopAWindowComesDueWhenItIsFull) {
  ServingDemands demands{{LimitedPumps("pumps", 1)}, 0, 30};
  demands.machines[0].hop = 0;
  const InstallLimits limits = InstallLimitsOf(demands, PackageOfWindow("pumps", 20));
  EXPECT_NEAR(limits.due_ns, 2e9, 1);
  EXPECT_EQ(limits.batch_ns, 0) << "nobody watches the latency";
}

TEST(TimeLimitsTest, ModelWithinEveryBoundMayServe) {
  const InstallLimits limits{
      .slower = 3, .batch = 10, .batch_ns = 10 * kLimitMs, .due_ns = 2 * kLimitMs};
  MR_EXPECT_OK(CheckTimes({2 * kLimitMs, 10 * kLimitMs}, limits, {}));
  MR_EXPECT_OK(CheckTimes({2 * kLimitMs, 10 * kLimitMs}, limits, {1, kLimitMs}));
  MR_EXPECT_OK(CheckTimes({1e12, 1e12}, InstallLimits(), {})) << "there is no bound";
}

TEST(TimeLimitsTest, FirstModelIsRefusedWhereItCannotKeepTheBudget) {
  const InstallLimits limits{
      .slower = 3, .batch = 10, .batch_ns = 10 * kLimitMs, .due_ns = 2 * kLimitMs};
  EXPECT_THAT(CheckTimes({2 * kLimitMs, 11 * kLimitMs}, limits, {}),
              IsStatus(kTooSlow, AllOf(HasSubstr("10 that are scored together take 11000 us of the "
                                                 "10000 us of [serving] budget_p99_ms"),
                                       HasSubstr("or raise [serving] budget_p99_ms"),
                                       Not(HasSubstr("version")))));
}

TEST(TimeLimitsTest, RefusalTellsEveryBound) {
  const InstallLimits limits{
      .slower = 3, .batch = 10, .batch_ns = 10 * kLimitMs, .due_ns = 0.5 * kLimitMs};
  EXPECT_THAT(
      CheckTimes({2 * kLimitMs, 8 * kLimitMs}, limits, {7, kLimitMs}),
      IsStatus(kTooSlow, AllOf(HasSubstr("a window takes 2000 us"),
                               HasSubstr("3000 us are allowed beside version 7"),
                               HasSubstr("8000 us of the 10000 us of [serving] budget_p99_ms"),
                               HasSubstr("one comes due every 500 us and takes 800 us"),
                               HasSubstr("longer [[machine]] hop"))));
}

TEST(TimeLimitsTest, ModelsThatAreEachALittleSlowerThanTheOneBeforeMeetTheBoundOfTheSite) {
  const InstallLimits limits{.slower = 3, .batch = 1, .batch_ns = 10 * kLimitMs, .due_ns = 0};
  FormerModel former;
  double one_ns = 0.2 * kLimitMs;
  int64_t served = 0;
  while (CheckTimes({one_ns, one_ns}, limits, former).ok() && served < 100) {
    former = {++served, one_ns};
    one_ns *= 2.9;
  }
  EXPECT_EQ(served, 4) << "the last takes 4.9 ms, and the next would take 14";
}

TEST(TimeLimitsTest, VerdictsThatLieFurtherApartThanTheyAreFreshAreRefused) {
  ServingDemands demands{{LimitedPumps("presses", 1), LimitedPumps("pumps", 2)}, 10, 30};
  demands.machines[1].hop = 0;
  MR_EXPECT_OK(CheckFreshness(demands, PackageOfWindow("pumps", 300)));
  EXPECT_THAT(
      CheckFreshness(demands, PackageOfWindow("pumps", 600)),
      IsStatus(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("machine 'pumps-0' 60 s"), HasSubstr("fresh_s is 30"),
                     HasSubstr("fresh_s to at least 60"), HasSubstr("hop to at most 300"))));
  demands.machines[1].fresh_s = 60;
  MR_EXPECT_OK(CheckFreshness(demands, PackageOfWindow("pumps", 600)));
  EXPECT_THAT(
      CheckFreshness(demands, PackageOfWindow("pumps", 602)),
      IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("[[machine]] fresh_s is 60")));
  demands.machines[1].fresh_s = 0;
  demands.machines[1].hop = 10;
  MR_EXPECT_OK(CheckFreshness(demands, PackageOfWindow("pumps", 600)))
      << "the window is long, and its last row is new";
  MR_EXPECT_OK(CheckFreshness(demands, PackageOfWindow("unknown", 600)));
}

}  // namespace
}  // namespace millrace
