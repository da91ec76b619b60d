// SPDX-License-Identifier: Apache-2.0
#include "client/quality/channel_rules.h"

namespace millrace {
namespace {

constexpr DoubleRange kPositive = {.min = 0, .above_min = true};
constexpr DoubleRange kNotNegative = {.min = 0};
// No rule looks back further than a week.
constexpr DoubleRange kSeconds = {.min = 0, .max = 604'800, .above_min = true};

void ReadRanges(TomlTable& table, ChannelRules& rules) {
  table.Double("min", {}, &rules.min);
  table.Double("max", {}, &rules.max);
  table.Double("suspect_min", {}, &rules.suspect_min);
  table.Double("suspect_max", {}, &rules.suspect_max);
  if (rules.min >= rules.max) table.Refuse("min", "must be less than max");
  if (rules.suspect_min >= rules.suspect_max) {
    table.Refuse("suspect_min", "must be less than suspect_max");
  }
  if (table.Has("suspect_min") &&
      (rules.suspect_min < rules.min || rules.suspect_min >= rules.max)) {
    table.Refuse("suspect_min", "must lie between min and max");
  }
  if (table.Has("suspect_max") &&
      (rules.suspect_max > rules.max || rules.suspect_max <= rules.min)) {
    table.Refuse("suspect_max", "must lie between min and max");
  }
}

void ReadStuck(TomlTable& table, ChannelRules& rules) {
  table.Double("stuck_suspect_s", kSeconds, &rules.stuck_suspect_s);
  table.Double("stuck_fail_s", kSeconds, &rules.stuck_fail_s);
  if (table.Has("stuck_suspect_s") && rules.stuck_fail_s < rules.stuck_suspect_s) {
    table.Refuse("stuck_fail_s", "must be at least stuck_suspect_s");
  }
  if (table.Double("stuck_tolerance", kNotNegative, &rules.stuck_tolerance) &&
      !table.Has("stuck_suspect_s") && !table.Has("stuck_fail_s")) {
    table.Refuse("stuck_tolerance", "belongs to stuck_suspect_s or stuck_fail_s; give one of them");
  }
}

void ReadChanges(TomlTable& table, ChannelRules& rules) {
  table.Double("rate_of_change", kPositive, &rules.rate_of_change);
  table.Double("spike", kPositive, &rules.spike);
  table.Double("spike_fail", kPositive, &rules.spike_fail);
  if (table.Has("spike") && rules.spike_fail < rules.spike) {
    table.Refuse("spike_fail", "must be at least spike");
  }
}

void ReadNoise(TomlTable& table, ChannelRules& rules) {
  table.Double("noise_min", kPositive, &rules.noise_min);
  table.Double("noise_max", kPositive, &rules.noise_max);
  if (rules.noise_min >= rules.noise_max) {
    table.Refuse("noise_min", "must be less than noise_max");
  }
  if (table.Double("noise_s", kSeconds, &rules.noise_s) && !table.Has("noise_min") &&
      !table.Has("noise_max")) {
    table.Refuse("noise_s", "belongs to noise_min or noise_max; give one of them");
  }
}

void ReadReference(TomlTable& table, ChannelRules& rules) {
  if (table.NonEmptyString("reference", &rules.reference)) {
    table.Require("reference_offset", "how far the channel may be off its reference, in its unit");
    table.Double("reference_offset", kPositive, &rules.reference_offset);
    table.Double("reference_difference", {}, &rules.reference_difference);
    table.Double("reference_s", kSeconds, &rules.reference_s);
  } else {
    for (const char* key : {"reference_offset", "reference_difference", "reference_s"}) {
      table.Forbid(key, "belongs to reference, the channel to compare with; give it");
    }
  }
}

}  // namespace

ChannelRules ReadChannelRules(TomlTable table) {
  ChannelRules rules;
  ReadRanges(table, rules);
  ReadStuck(table, rules);
  ReadChanges(table, rules);
  ReadNoise(table, rules);
  ReadReference(table, rules);
  return rules;
}

}  // namespace millrace
