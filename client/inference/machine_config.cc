// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine_config.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"

namespace millrace {
namespace {

constexpr double kMostHz = 1e6;
constexpr double kLeastHz = 1e-4;
constexpr int64_t kMostMachines = 100'000;

void ReadNames(TomlTable table, std::set<std::string>& all, MachineConfig& config) {
  std::vector<std::string> texts;
  table.Require("names", "the machines, as the stream names them");
  if (!table.Strings("names", &texts)) return;
  for (const std::string& text : texts) {
    if (!ExpandNames(text, config.names)) {
      table.Refuse("names", absl::StrCat("'", text, "' must have a range such as {1..250}"));
      return;
    }
  }
  if (config.names.empty()) table.Refuse("names", "must name a machine");
  for (const std::string& name : config.names) {
    if (const absl::Status status = CheckName("machine", name); !status.ok()) {
      table.Refuse("names", status.message());
    } else if (!all.insert(name).second) {
      table.Refuse("names", absl::StrCat("'", name, "' is there twice"));
    } else {
      continue;
    }
    return;
  }
}

void ReadChannels(TomlTable table, MachineConfig& config) {
  table.Require("channel", "the channels of such a machine, as [[machine.channel]]");
  if (table.Has("channel") && table.Tables("channel").empty()) {
    table.Refuse("channel", "must have a [[machine.channel]]");
  }
  std::set<std::string> names;
  for (TomlTable entry : table.Tables("channel")) {
    ChannelConfig channel;
    entry.Require("name", "as in the plan and after the machine's name in the stream");
    if (entry.NonEmptyString("name", &channel.name) && !names.insert(channel.name).second) {
      entry.Refuse("name", "is the name of two channels of this machine");
    }
    entry.String("unit", &channel.unit);
    channel.rate_hz = config.rate_hz;
    entry.Double("rate_hz", {kLeastHz, kMostHz}, &channel.rate_hz);
    channel.rules = ReadChannelRules(entry);
    config.channels.push_back(std::move(channel));
  }
  for (TomlTable entry : table.Tables("channel")) {
    std::string reference;
    if (entry.String("reference", &reference) && !reference.empty() && !names.contains(reference)) {
      entry.Refuse("reference", "must be another channel of the same machine");
    }
  }
}

void ReadStored(TomlTable table, MachineConfig& config) {
  std::vector<std::string> stored;
  if (!table.Strings("store", &stored)) return;
  for (const std::string& name : stored) {
    if (std::ranges::find(config.channels, name, &ChannelConfig::name) == config.channels.end()) {
      table.Refuse("store", absl::StrCat("'", name, "' is no channel of this machine"));
    }
  }
  config.stored = std::move(stored);
}

}  // namespace

bool ExpandNames(const std::string& text, std::vector<std::string>& names) {
  const size_t open = text.find('{');
  if (open == std::string::npos) {
    names.push_back(text);
    return true;
  }
  const size_t dots = text.find("..", open);
  const size_t close = text.find('}', open);
  if (dots == std::string::npos || close == std::string::npos || dots > close) return false;
  int64_t first = 0;
  int64_t last = 0;
  if (!absl::SimpleAtoi(text.substr(open + 1, dots - open - 1), &first) ||
      !absl::SimpleAtoi(text.substr(dots + 2, close - dots - 2), &last) || first < 0 ||
      last < first || last - first >= kMostMachines) {
    return false;
  }
  for (int64_t i = first; i <= last; ++i) {
    names.push_back(absl::StrCat(text.substr(0, open), i, text.substr(close + 1)));
  }
  return true;
}

std::vector<MachineConfig> ReadMachines(TomlTable root) {
  std::vector<MachineConfig> machines;
  std::set<std::string> names;
  int64_t channels = 0;
  for (TomlTable table : root.Tables("machine")) {
    MachineConfig config;
    ReadNames(table, names, config);
    if (table.NonEmptyString("model", &config.model)) {
      if (const absl::Status status = CheckName("model", config.model); !status.ok()) {
        table.Refuse("model", status.message());
      }
    }
    table.Require("rate_hz", "the rows that the model sees of such a machine, per second");
    table.Double("rate_hz", {kLeastHz, kMostHz}, &config.rate_hz);
    table.Int("hop", {0, 1'000'000}, &config.hop);
    table.Double("patience_s", {0, 3600}, &config.patience_s);
    table.Double("disorder_s", {0, 3600}, &config.disorder_s);
    table.Double("silence_s", {0.1, 1e6}, &config.silence_s);
    table.Double("suspect_share", {0, 1}, &config.suspect_share);
    table.Double("threshold", {0, 1e30}, &config.threshold);
    table.Double("false_alarms", {1e-7, 0.1}, &config.learning.rate);
    table.Int("learn_windows", {100, 100'000}, &config.learning.learn_windows);
    table.Int("normal_class", {0, 1'000'000}, &config.normal_class);
    table.Double("alarm_below", {}, &config.alarm_below);
    ReadChannels(table, config);
    ReadStored(table, config);
    channels += static_cast<int64_t>(config.names.size() * config.channels.size());
    if (channels > kMaxSiteChannels) {
      table.Refuse("names", absl::StrCat("a site has at most ", kMaxSiteChannels, " channels"));
      break;
    }
    machines.push_back(std::move(config));
  }
  return machines;
}

std::vector<std::string> ChannelNames(const std::vector<MachineConfig>& machines) {
  std::vector<std::string> names;
  for (const MachineConfig& config : machines) {
    for (const std::string& machine : config.names) {
      for (const ChannelConfig& channel : config.channels) {
        names.push_back(absl::StrCat(machine, "/", channel.name));
      }
    }
  }
  return names;
}

}  // namespace millrace
