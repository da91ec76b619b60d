// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <string>

#include "plan/toml_reader.h"

namespace millrace {

/// What is asked of one channel's values. A limit that is not given (infinite) is not asked for.
/// docs/data_quality.md says where each rule comes from.
struct ChannelRules {
  static constexpr double kNone = std::numeric_limits<double>::infinity();

  double min = -kNone;  // the sensor's range: beyond it, fail
  double max = kNone;
  double suspect_min = -kNone;  // the operator's span: beyond it, suspect
  double suspect_max = kNone;

  double stuck_tolerance = 0;  // values that differ by no more are the same one
  double stuck_suspect_s = kNone;
  double stuck_fail_s = kNone;

  double rate_of_change = kNone;  // per second; beyond it, suspect

  double spike = kNone;       // |v - (before + after) / 2| beyond it: suspect
  double spike_fail = kNone;  // and beyond this one: fail

  double noise_min = 0;  // of the rolling deviation: below it, suspect (attenuated)
  double noise_max = kNone;
  double noise_s = 60;  // time constant of the rolling deviation

  std::string reference;            // name of the channel to compare with; empty: none
  double reference_difference = 0;  // of this channel's values to the reference's, as it should be
  double reference_offset = kNone;  // mean difference further off than this: suspect
  double reference_s = 3600;        // time constant of that mean
};

/// Reads a channel's rules. What is wrong is reported by the document's Finish, naming the key.
ChannelRules ReadChannelRules(TomlTable table);

}  // namespace millrace
