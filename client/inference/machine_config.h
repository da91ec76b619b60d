// SPDX-License-Identifier: Apache-2.0
// What a site's configuration says about its machines: the tables [[machine]].
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/drift/drift_parameters.h"
#include "client/inference/machine_threshold.h"
#include "client/quality/channel_rules.h"
#include "plan/toml_reader.h"

namespace millrace {

/// One channel that every machine of a kind has.
struct ChannelConfig {
  std::string name;    // as in the plan; in the stream "machine/name"
  std::string unit;    // empty: not said
  double rate_hz = 0;  // of its samples
  ChannelRules rules;
};

/// Machines of one kind: the same channels, judged by the same model.
struct MachineConfig {
  /// The machine whose rows number `machine` of them is judged by.
  const std::string& RowsOf(size_t machine) const {
    return channels_of.empty() ? names[machine] : channels_of[machine];
  }
  /// Channels of the stream that belong to each of them.
  size_t OwnChannels() const { return channels_of.empty() ? channels.size() : 0; }
  /// For how long a verdict on them is news, where the site says this for all.
  double FreshS(double of_site) const { return fresh_s > 0 ? fresh_s : of_site; }

  std::vector<std::string> names;
  /// One for each name: the machine of another kind whose rows, at its rate and with its flags,
  /// this one's model judges too. Its channels are `channels` then. Empty: they have their own.
  std::vector<std::string> channels_of;
  std::string model;         // of the package that judges them; empty: their data are only kept
  double rate_hz = 0;        // of the rows that the model sees
  int64_t hop = 0;           // rows between verdicts; 0: one window
  double patience_s = 1;     // that a row waits for a channel
  double disorder_s = 0;     // and for samples that later ones of their channel overtook
  double silence_s = 30;     // without any sample, until the machine counts as silent
  double fresh_s = 0;        // for so long a verdict is news; 0: for as long as the site says
  double suspect_share = 0;  // of a window's values that may be suspect, and it still counts
  double threshold = 0;  // reconstruction: a fixed one in place of those that are learnt; 0: none
  MachineThreshold::Parameters learning;  // reconstruction: of each machine's threshold
  int64_t normal_class = 0;               // classification: every other class is an alarm
  std::optional<double> alarm_below;      // regression: a lower value is an alarm; none: none is
  std::optional<DriftParameters> drift;   // of every channel; none: it is not watched
  std::vector<ChannelConfig> channels;
  /// Names of the channels that are recorded; none: all of them.
  std::optional<std::vector<std::string>> stored;
};

/// What may be said of how long a verdict is news.
inline constexpr DoubleRange kFreshS{.min = 0.5, .max = 1e6};

/// Largest number of channels that a site's machines have together.
inline constexpr int64_t kMaxSiteChannels = 1'000'000;

/// Whose rows the machine of this name is judged by; none: there is no such machine.
std::optional<std::string> RowsOfMachine(const std::vector<MachineConfig>& machines,
                                         const std::string& name);

/// Reads [[machine]]. What is wrong is reported by the document's Finish, naming the key.
std::vector<MachineConfig> ReadMachines(TomlTable root);

/// Appends "pump-1", "pump-2", "pump-3" for "pump-{1..3}", and what has no braces as itself. False
/// for braces that are no range of at most 100,000.
bool ExpandNames(const std::string& text, std::vector<std::string>& names);

/// The names that the stream gives to the channels, machine by machine, in the machines' order,
/// of those that have channels of their own: what ChannelTable takes.
std::vector<std::string> ChannelNames(const std::vector<MachineConfig>& machines);

}  // namespace millrace
