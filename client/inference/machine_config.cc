// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine_config.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "plan/rates_and_units.h"

namespace millrace {
namespace {

constexpr int64_t kMostMachines = 100'000;

/// False if there is none, or one with braces that are no range.
bool ReadNameList(TomlTable& table, const char* key, std::vector<std::string>& names) {
  std::vector<std::string> texts;
  if (!table.Strings(key, &texts)) return false;
  for (const std::string& text : texts) {
    if (!ExpandNames(text, names)) {
      table.Refuse(key, absl::StrCat("'", text, "' must have a range such as {1..250}"));
      return false;
    }
  }
  return true;
}

void ReadNames(TomlTable table, std::set<std::string>& all, MachineConfig& config) {
  table.Require("names", "the machines, as the stream names them");
  if (!ReadNameList(table, "names", config.names)) return;
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
    ReadUnit(entry, "unit", &channel.unit);
    channel.rate_hz = config.rate_hz;
    entry.Double("rate_hz", kRatesHz, &channel.rate_hz);
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

void ReadRows(TomlTable table, MachineConfig& config) {
  table.Require("rate_hz", "the rows that the model sees of such a machine, per second");
  table.Double("rate_hz", kRatesHz, &config.rate_hz);
  table.Double("patience_s", {0, 3600}, &config.patience_s);
  table.Double("disorder_s", {0, 3600}, &config.disorder_s);
  table.Double("silence_s", {0.1, 1e6}, &config.silence_s);
  ReadChannels(table, config);
  ReadStored(table, config);
}

/// Of machines whose rows are those of others.
void ReadChannelsOf(TomlTable table, MachineConfig& config) {
  for (const char* key : {"rate_hz", "patience_s", "disorder_s", "silence_s", "channel", "store"}) {
    table.Forbid(key, "belongs to the machines that channels_of names: say it in their table");
  }
  table.Require("model", "what judges the rows of the machines that channels_of names, too");
  const bool named = ReadNameList(table, "channels_of", config.channels_of);
  if (named && config.channels_of.size() == config.names.size()) return;
  if (named) {
    table.Refuse("channels_of",
                 absl::StrCat("must name one machine for each of names: there are ",
                              config.names.size(), ", and here ", config.channels_of.size()));
  }
  config.channels_of.clear();
}

void ReadJudgement(TomlTable table, MachineConfig& config) {
  if (table.NonEmptyString("model", &config.model)) {
    if (const absl::Status status = CheckName("model", config.model); !status.ok()) {
      table.Refuse("model", status.message());
    }
  }
  table.Int("hop", {0, 1'000'000}, &config.hop);
  table.Double("fresh_s", kFreshS, &config.fresh_s);
  table.Double("suspect_share", {0, 1}, &config.suspect_share);
  table.Double("threshold", {0, 1e30}, &config.threshold);
  table.Double("false_alarms", {1e-7, 0.1}, &config.learning.rate);
  table.Int("learn_windows", {100, 100'000}, &config.learning.learn_windows);
  table.Int("normal_class", {0, 1'000'000}, &config.normal_class);
  if (double below = 0; table.Double("alarm_below", {}, &below)) config.alarm_below = below;
}

using KindByMachine = std::map<std::string, const MachineConfig*>;

/// The kind whose rows the machines of `judge` are judged by; none, with the reason, if what its
/// channels_of names is not machines of one kind, each once, with channels of their own.
const MachineConfig* KindOfRows(const MachineConfig& judge, const KindByMachine& kinds,
                                std::string* reason) {
  const MachineConfig* kind = nullptr;
  std::set<std::string> names;
  for (const std::string& name : judge.channels_of) {
    const auto found = kinds.find(name);
    if (found == kinds.end()) {
      *reason = absl::StrCat("'", name, "' is in no [[machine]]");
    } else if (found->second == &judge) {
      *reason = absl::StrCat("'", name, "' is of this very table, which has no channels");
    } else if (!found->second->channels_of.empty()) {
      *reason = absl::StrCat("'", name, "' has no channels of its own either: name the machine ",
                             "that its channels_of names");
    } else if (kind != nullptr && found->second != kind) {
      *reason = absl::StrCat("'", judge.channels_of.front(), "' and '", name,
                             "' are of different [[machine]] tables: judge them in one table each");
    } else if (!names.insert(name).second) {
      *reason = absl::StrCat("'", name, "' is there twice");
    } else {
      kind = found->second;
      continue;
    }
    return nullptr;
  }
  return kind;
}

/// Gives machines without channels of their own those that they are judged by.
void ShareRows(std::vector<TomlTable> tables, std::vector<MachineConfig>& machines) {
  KindByMachine kinds;
  for (const MachineConfig& kind : machines) {
    for (const std::string& name : kind.names) kinds.emplace(name, &kind);
  }
  for (size_t i = 0; i < machines.size(); ++i) {
    MachineConfig& judge = machines[i];
    if (judge.channels_of.empty()) continue;
    std::string reason;
    const MachineConfig* const rows = KindOfRows(judge, kinds, &reason);
    if (rows == nullptr) {
      tables[i].Refuse("channels_of", reason);
      return;
    }
    judge.rate_hz = rows->rate_hz;
    judge.silence_s = rows->silence_s;
    judge.channels = rows->channels;
  }
}

/// Once the rates are known of all.
void CheckFresh(std::vector<TomlTable> tables, const std::vector<MachineConfig>& machines) {
  for (size_t i = 0; i < machines.size(); ++i) {
    const MachineConfig& machine = machines[i];
    const double between_s = static_cast<double>(machine.hop) / machine.rate_hz;
    if (machine.fresh_s == 0 || machine.rate_hz == 0 || between_s <= machine.fresh_s) continue;
    tables[i].Refuse("fresh_s", absl::StrCat("must be at least the ", between_s,
                                             " s between two verdicts: hop rows at rate_hz"));
    return;
  }
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
    ReadJudgement(table, config);
    if (table.Has("channels_of")) {
      ReadChannelsOf(table, config);
    } else {
      ReadRows(table, config);
    }
    channels += static_cast<int64_t>(config.names.size() * config.OwnChannels());
    if (channels > kMaxSiteChannels) {
      table.Refuse("names", absl::StrCat("a site has at most ", kMaxSiteChannels, " channels"));
      break;
    }
    machines.push_back(std::move(config));
  }
  ShareRows(root.Tables("machine"), machines);
  CheckFresh(root.Tables("machine"), machines);
  return machines;
}

std::optional<std::string> RowsOfMachine(const std::vector<MachineConfig>& machines,
                                         const std::string& name) {
  for (const MachineConfig& kind : machines) {
    const auto found = std::ranges::find(kind.names, name);
    if (found != kind.names.end()) return kind.RowsOf(found - kind.names.begin());
  }
  return std::nullopt;
}

std::vector<std::string> ChannelNames(const std::vector<MachineConfig>& machines) {
  std::vector<std::string> names;
  for (const MachineConfig& config : machines) {
    if (!config.channels_of.empty()) continue;
    for (const std::string& machine : config.names) {
      for (const ChannelConfig& channel : config.channels) {
        names.push_back(absl::StrCat(machine, "/", channel.name));
      }
    }
  }
  return names;
}

}  // namespace millrace
