// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "plan/plan.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/plan/plan_text.h"

namespace millrace {
namespace {

using testing::Changed;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;
using testing::kShort;

constexpr char kFull[] = R"(
secure_aggregation = "off"
[run]
name = "press-vibration.1"
rounds = 40
seed = 9

[cohort]
target = 8
minimum = 5
over_selection = 0.25
deadline_s = 900
attempts = 4
backoff_s = 7

[model]
kind = "cnn1d"
filters = [16, 32]
kernel = 5
strides = [2, 1]
pool = 2
dropout = 0.1

[input]
channels = ["t24", "t30"]
units = ["K", " K "]
rate_hz = 0.5
window = 30
stride = 2
normalization = "federated"

[[input.mode]]
column = "altitude"
unit = "kft"
step = 10
min = 0
max = 40

[[input.mode]]
column = "mach"
step = 0.2
min = 0
max = 0.8

[label]
kind = "column"
column = "wear"
classes = 4

[split]
by = "time"
validation = 0.2

[training]
optimizer = "sgd"
learning_rate = 0.05
momentum = 0.9
weight_decay = 1e-4
schedule = "step"
step_rounds = 15
step_factor = 0.1
batch_size = 128
epochs = 3
max_steps = 500
clip_norm = 1.5
proximal_mu = 0.01
patience = 2

[server]
optimizer = "fedyogi"
learning_rate = 0.1
beta1 = 0.8
beta2 = 0.95
tau = 0.01

[update]
weights = "equal"
max_weight = 4294967295
clip_norm = 10
)";

TEST(ParsePlanTest, ReadsEveryKeyOfAFullPlan) {
  MR_ASSERT_OK_AND_ASSIGN(const Plan plan, ParsePlan(kFull));
  EXPECT_EQ(plan.run.name, "press-vibration.1");
  EXPECT_EQ(plan.run.rounds, 40);
  EXPECT_EQ(plan.run.seed, 9u);
  EXPECT_EQ(plan.cohort.target, 8);
  EXPECT_EQ(plan.cohort.minimum, 5);
  EXPECT_EQ(plan.cohort.over_selection, 0.25);
  EXPECT_EQ(plan.cohort.deadline_s, 900);
  EXPECT_EQ(plan.cohort.attempts, 4);
  EXPECT_EQ(plan.cohort.backoff_s, 7);
  EXPECT_EQ(plan.model.kind, ModelKind::kCnn1d);
  EXPECT_THAT(plan.model.filters, ElementsAre(16, 32));
  EXPECT_EQ(plan.model.kernel, 5);
  EXPECT_THAT(plan.model.strides, ElementsAre(2, 1));
  EXPECT_EQ(plan.model.pool, 2);
  EXPECT_EQ(plan.model.dropout, 0.1);
  EXPECT_THAT(plan.input.channels, ElementsAre("t24", "t30"));
  EXPECT_THAT(plan.input.units, ElementsAre("K", "K"));
  EXPECT_EQ(plan.input.rate_hz, 0.5);
  EXPECT_EQ(plan.input.window, 30);
  EXPECT_EQ(plan.input.stride, 2);
  EXPECT_EQ(plan.input.normalization, Normalization::kFederated);
  ASSERT_EQ(plan.input.modes.size(), 2u);
  EXPECT_EQ(plan.input.modes[0].column, "altitude");
  EXPECT_EQ(plan.input.modes[0].unit, "kft");
  EXPECT_EQ(plan.input.modes[0].step, 10);
  EXPECT_EQ(plan.input.modes[0].max, 40);
  EXPECT_EQ(plan.input.modes[1].column, "mach");
  EXPECT_EQ(plan.input.ModeCells(), 25);
  EXPECT_EQ(plan.label.kind, LabelKind::kColumn);
  EXPECT_EQ(plan.label.column, "wear");
  EXPECT_EQ(plan.label.classes, 4);
  EXPECT_EQ(plan.split.by, SplitBy::kTime);
  EXPECT_EQ(plan.split.validation, 0.2);
  EXPECT_EQ(plan.training.optimizer, ClientOptimizer::kSgd);
  EXPECT_EQ(plan.training.learning_rate, 0.05);
  EXPECT_EQ(plan.training.momentum, 0.9);
  EXPECT_EQ(plan.training.weight_decay, 1e-4);
  EXPECT_EQ(plan.training.schedule, Schedule::kStep);
  EXPECT_EQ(plan.training.step_rounds, 15);
  EXPECT_EQ(plan.training.step_factor, 0.1);
  EXPECT_EQ(plan.training.batch_size, 128);
  EXPECT_EQ(plan.training.epochs, 3);
  EXPECT_EQ(plan.training.max_steps, 500);
  EXPECT_EQ(plan.training.clip_norm, 1.5);
  EXPECT_EQ(plan.training.proximal_mu, 0.01);
  EXPECT_EQ(plan.training.patience, 2);
  EXPECT_EQ(plan.server.optimizer, ServerOptimizer::kFedYogi);
  EXPECT_EQ(plan.server.learning_rate, 0.1);
  EXPECT_EQ(plan.server.beta1, 0.8);
  EXPECT_EQ(plan.server.beta2, 0.95);
  EXPECT_EQ(plan.server.tau, 0.01);
  EXPECT_EQ(plan.update.weights, Weights::kEqual);
  EXPECT_EQ(plan.update.max_weight, 4294967295);
  EXPECT_EQ(plan.update.clip_norm, 10);
}

TEST(ParsePlanTest, WhatAShortPlanLeavesOutHasTheDocumentedDefaults) {
  MR_ASSERT_OK_AND_ASSIGN(const Plan plan, ParsePlan(kShort));
  EXPECT_EQ(plan.run.rounds, 1);
  EXPECT_EQ(plan.run.seed, 1u);
  EXPECT_EQ(plan.cohort.target, 1);
  EXPECT_EQ(plan.cohort.minimum, 1);
  EXPECT_EQ(plan.cohort.deadline_s, 600);
  EXPECT_EQ(plan.input.window, 1);
  EXPECT_EQ(plan.input.rate_hz, 0) << "no rate and no units";
  EXPECT_THAT(plan.input.units, IsEmpty());
  EXPECT_EQ(plan.input.normalization, Normalization::kFederated);
  EXPECT_THAT(plan.input.modes, IsEmpty());
  EXPECT_EQ(plan.label.cap, 125);
  EXPECT_EQ(plan.split.by, SplitBy::kUnit);
  EXPECT_EQ(plan.split.validation, 0.1);
  EXPECT_EQ(plan.training.optimizer, ClientOptimizer::kAdam);
  EXPECT_EQ(plan.training.learning_rate, 1e-3);
  EXPECT_EQ(plan.training.batch_size, 64);
  EXPECT_EQ(plan.server.optimizer, ServerOptimizer::kFedAvg);
  EXPECT_EQ(plan.server.learning_rate, 1);
  EXPECT_EQ(plan.update.weights, Weights::kExamples);
  EXPECT_EQ(plan.update.max_weight, 1'000'000);
}

TEST(ParsePlanTest, PlanWaitsForDriftWhereItSaysSo) {
  MR_ASSERT_OK_AND_ASSIGN(const Plan at_once, ParsePlan(kShort));
  EXPECT_FALSE(at_once.start.waits());
  const std::string short_start = absl::StrCat(kShort, "[start]\non_drift_share = 0.3\n");
  MR_ASSERT_OK_AND_ASSIGN(const Plan plan, ParsePlan(short_start));
  EXPECT_TRUE(plan.start.waits());
  EXPECT_EQ(plan.start.on_drift_share, 0.3);
  EXPECT_EQ(plan.start.at_least_sites, 1);
  EXPECT_EQ(plan.start.seen_within_s, 600);
  MR_ASSERT_OK_AND_ASSIGN(const Plan whole, ParsePlan(absl::StrCat(short_start,
                                                                   "at_least_sites = 3\n"
                                                                   "seen_within_s = 86400\n")));
  EXPECT_EQ(whole.start.at_least_sites, 3);
  EXPECT_EQ(whole.start.seen_within_s, 86400);
}

TEST(ParsePlanTest, EveryModelKindHasAValidPlan) {
  const auto with_model = [](absl::string_view model) {
    return ParsePlan(Changed({{"kind = \"mlp\"\nhidden = [8]", model}}));
  };
  MR_EXPECT_OK(with_model("kind = \"gru\"\nhidden = [32]\nlayers = 2\ndropout = 0.2"));
  MR_EXPECT_OK(with_model("kind = \"lstm\"\nhidden = [32]"));
  MR_ASSERT_OK_AND_ASSIGN(const Plan cnn, with_model("kind = \"cnn1d\"\nfilters = [4, 8]"));
  EXPECT_THAT(cnn.model.strides, ElementsAre(1, 1));
  const absl::string_view label = "[label]\nkind = \"run_to_failure\"\ncap = 125\n";
  MR_EXPECT_OK(ParsePlan(Changed({{"kind = \"mlp\"", "kind = \"autoencoder\""}, {label, ""}})));
  MR_EXPECT_OK(ParsePlan(Changed({{"kind = \"mlp\"\nhidden = [8]",
                                   "kind = \"autoencoder\"\nconvolutional = true\n"
                                   "filters = [4]\nstrides = [2]"},
                                  {label, "[label]\nkind = \"none\"\n"}})));
}

TEST(ParsePlanTest, RecordingLabelsNeedClassesOrAColumn) {
  const absl::string_view label = "kind = \"run_to_failure\"\ncap = 125";
  MR_EXPECT_OK(ParsePlan(Changed({{label, "kind = \"recording\"\nclasses = 10"}})));
  MR_EXPECT_OK(ParsePlan(Changed({{label, "kind = \"recording\"\ncolumn = \"load\""}})));
}

TEST(ParsePlanTest, PlansOfMoreThanAMebibyteAreRefused) {
  EXPECT_THAT(ParsePlan(absl::StrCat(kShort, std::string(1 << 20, '\n'))),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("at most 1048576")));
}

TEST(ParsePlanTest, AnEmptyPlanNamesTheFirstMissingKey) {
  EXPECT_THAT(ParsePlan(""),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("[run] name: missing")));
}
TEST(ParsePlanTest, UpdatesAreMaskedUnlessThePlanSaysOtherwise) {
  MR_ASSERT_OK_AND_ASSIGN(const Plan off, ParsePlan(kShort));
  EXPECT_FALSE(off.secure.on());
  const std::string cohort = absl::StrCat("cap = 125\n[cohort]\ntarget = 30\n");
  MR_ASSERT_OK_AND_ASSIGN(
      const Plan plan,
      ParsePlan(Changed({{"secure_aggregation = \"off\"", ""}, {"cap = 125\n", cohort}})));
  EXPECT_EQ(plan.secure.mode, SecureMode::kHonestButCurious);
  EXPECT_EQ(plan.secure.bits, 32);
  EXPECT_EQ(plan.secure.Corrupt(30), 3);
  EXPECT_EQ(plan.cohort.minimum, 17) << "what gives a secret of thirty back";
}

TEST(ParsePlanTest, PlanWhoseRoundsCouldNotBeUnmaskedIsRefused) {
  const std::string cohort = "cap = 125\n[cohort]\ntarget = 10\nover_selection = 1.0\n";
  EXPECT_THAT(ParsePlan(Changed({{"secure_aggregation = \"off\"", ""}, {"cap = 125\n", cohort}})),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("[cohort] target = 10: secure aggregation needs at least 12")));
}

TEST(AssumedCorruptTest, IsRoundedUpButNotByRoundingErrors) {
  EXPECT_EQ(AssumedCorrupt(100, 0.07), 7);  // 0.07 * 100 = 7.000000000000001
  EXPECT_EQ(AssumedCorrupt(101, 0.07), 8);
  EXPECT_EQ(AssumedCorrupt(5, 0), 1);
}

TEST(ParsePlanTest, ScalingsThatNoMessageHoldsAreRefusedNamingBothKeys) {
  std::string channels = "\"c0\"";
  for (int i = 1; i <= 64; ++i) absl::StrAppend(&channels, ", \"c", i, "\"");
  const std::string input = absl::StrCat("channels = [", channels,
                                         "]\n[[input.mode]]\ncolumn = 'm'\nmin = 1\nmax = 4096");
  EXPECT_THAT(ParsePlan(Changed({{"channels = [\"a\", \"b\"]", input}})),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("[input.mode]: the grid's 4096 operating modes times 65 [input] "
                                 "channels must be at most 262144")));
}

// The example of docs/configuration.md, so that the page stays true.
TEST(ParsePlanTest, TheDocumentedExampleIsValid) {
  MR_ASSERT_OK_AND_ASSIGN(const std::string page, ReadFile(PosixFileSystem(), MILLRACE_SOURCE_DIR
                                                           "/docs/configuration.md"));
  const size_t plan = page.find("## The plan");
  ASSERT_NE(plan, std::string::npos);
  const size_t begin = page.find("```toml\n", plan);
  ASSERT_NE(begin, std::string::npos);
  const size_t end = page.find("\n```", begin);
  ASSERT_NE(end, std::string::npos);
  const size_t first = begin + sizeof("```toml\n") - 1;
  MR_EXPECT_OK(ParsePlan(absl::string_view(page).substr(first, end - first)));
}

// Every prefix of a plan and every plan with one byte changed is either a plan or a refusal.
TEST(ParsePlanTest, DamagedPlansNeverCrash) {
  const std::string full = kFull;
  for (size_t length = 0; length < full.size(); length += 3) {
    const auto plan = ParsePlan(absl::string_view(full).substr(0, length));
    if (plan.ok()) continue;
    ASSERT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  }
  for (size_t place = 0; place < full.size(); ++place) {
    std::string damaged = full;
    damaged[place] = static_cast<char>(damaged[place] ^ (1 << (place % 8)));
    const auto plan = ParsePlan(damaged);
    if (plan.ok()) continue;
    ASSERT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace millrace
