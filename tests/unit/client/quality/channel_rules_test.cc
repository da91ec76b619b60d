// SPDX-License-Identifier: Apache-2.0
#include "client/quality/channel_rules.h"

#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;

absl::StatusOr<ChannelRules> Read(absl::string_view text) {
  MR_ASSIGN_OR_RETURN(TomlTable table, TomlTable::Parse(text));
  ChannelRules rules = ReadChannelRules(table);
  MR_RETURN_IF_ERROR(table.Finish());
  return rules;
}

TEST(ChannelRules, EverythingCanBeAskedFor) {
  MR_ASSERT_OK_AND_ASSIGN(const ChannelRules rules, Read(R"(
    min = -40
    max = 125
    suspect_min = 0
    suspect_max = 90
    stuck_tolerance = 0.01
    stuck_suspect_s = 60
    stuck_fail_s = 600
    rate_of_change = 2.5
    spike = 3
    spike_fail = 10
    noise_min = 0.05
    noise_max = 2
    noise_s = 30
    reference = "bearing-temperature-2"
    reference_difference = -1.5
    reference_offset = 2
    reference_s = 7200
  )"));
  EXPECT_EQ(rules.min, -40);
  EXPECT_EQ(rules.max, 125);
  EXPECT_EQ(rules.suspect_min, 0);
  EXPECT_EQ(rules.suspect_max, 90);
  EXPECT_EQ(rules.stuck_tolerance, 0.01);
  EXPECT_EQ(rules.stuck_suspect_s, 60);
  EXPECT_EQ(rules.stuck_fail_s, 600);
  EXPECT_EQ(rules.rate_of_change, 2.5);
  EXPECT_EQ(rules.spike, 3);
  EXPECT_EQ(rules.spike_fail, 10);
  EXPECT_EQ(rules.noise_min, 0.05);
  EXPECT_EQ(rules.noise_max, 2);
  EXPECT_EQ(rules.noise_s, 30);
  EXPECT_EQ(rules.reference, "bearing-temperature-2");
  EXPECT_EQ(rules.reference_difference, -1.5);
  EXPECT_EQ(rules.reference_offset, 2);
  EXPECT_EQ(rules.reference_s, 7200);
}

TEST(ChannelRules, NothingIsAskedForUnlessItIsWritten) {
  MR_ASSERT_OK_AND_ASSIGN(const ChannelRules rules, Read(""));
  EXPECT_EQ(rules.min, -ChannelRules::kNone);
  EXPECT_EQ(rules.stuck_fail_s, ChannelRules::kNone);
  EXPECT_EQ(rules.noise_min, 0);
  EXPECT_EQ(rules.reference, "");
}

TEST(ChannelRules, WhatContradictsItselfIsRefusedByKey) {
  const struct {
    const char* text;
    const char* key;
    const char* reason;
  } cases[] = {
      {"min = 2\nmax = 2", "min", "less than max"},
      {"suspect_min = 5\nsuspect_max = 4", "suspect_min", "less than suspect_max"},
      {"min = 0\nsuspect_min = -1", "suspect_min", "between min and max"},
      {"max = 10\nsuspect_max = 11", "suspect_max", "between min and max"},
      {"stuck_suspect_s = 60\nstuck_fail_s = 59", "stuck_fail_s", "at least stuck_suspect_s"},
      {"stuck_tolerance = 1", "stuck_tolerance", "give one of them"},
      {"stuck_suspect_s = 0", "stuck_suspect_s", "must be"},
      {"rate_of_change = 0", "rate_of_change", "must be"},
      {"rate_of_change = inf", "rate_of_change", "must be"},
      {"spike = 2\nspike_fail = 1", "spike_fail", "at least spike"},
      {"noise_min = 2\nnoise_max = 1", "noise_min", "less than noise_max"},
      {"noise_s = 5", "noise_s", "give one of them"},
      {"noise_max = 5\nnoise_s = 1e9", "noise_s", "must be"},
      {"reference = \"twin\"", "reference_offset", "how far"},
      {"reference_offset = 2", "reference_offset", "belongs to reference"},
      {"spyke = 2", "spyke", "did you mean spike"},
  };
  for (const auto& refused : cases) {
    EXPECT_THAT(Read(refused.text),
                IsStatus(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(refused.key), HasSubstr(refused.reason))))
        << refused.text;
  }
}

}  // namespace
}  // namespace millrace
