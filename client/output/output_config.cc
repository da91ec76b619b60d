// SPDX-License-Identifier: Apache-2.0
#include "client/output/output_config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "base/name.h"
#include "client/live/read_mqtt_broker.h"
#include "client/output/topic_of.h"
#include "client/output/verdict_registers.h"

namespace millrace {
namespace {

enum class OutputKind { kMqtt, kModbus, kGrpc };

constexpr char kUnix[] = "unix:";

void ReadTopic(TomlTable& table, const char* key, bool of_machine, std::string* topic) {
  table.NonEmptyString(key, topic);
  if (topic->empty() || topic->size() > kLongestTopic) {
    table.Refuse(key, absl::StrCat("must have 1 to ", kLongestTopic, " bytes"));
  }
  if (topic->find_first_of(std::string("+#\0", 3)) != std::string::npos) {
    table.Refuse(key, "what is published has a topic without + and #");
  }
  const std::string rest = TopicOf(*topic, "");
  if (rest.find_first_of("{}") != std::string::npos) {
    table.Refuse(key, "the only place for a name is {machine}");
  }
  if (of_machine != (rest != *topic)) {
    table.Refuse(key, of_machine ? "must have {machine}, so that each has one of its own"
                                 : "is the site's, and has no {machine}");
  }
}

MqttOutputConfig ReadMqttOutput(TomlTable& table, const std::string& base_directory) {
  MqttOutputConfig config;
  ReadMqttBroker(table, base_directory, config.broker);
  ReadTopic(table, "verdict_topic", /*of_machine=*/true, &config.verdict_topic);
  ReadTopic(table, "heartbeat_topic", /*of_machine=*/true, &config.heartbeat_topic);
  ReadTopic(table, "status_topic", /*of_machine=*/false, &config.status_topic);
  table.Bool("retain", &config.retain);
  table.Int("queue_verdicts", {1, 1'000'000}, &config.queue_verdicts);
  if (config.heartbeat_topic == config.verdict_topic) {
    table.Refuse("heartbeat_topic", "is the topic of verdicts");
  }
  return config;
}

void ReadRegisterMachines(TomlTable& table, const std::vector<MachineConfig>& machines,
                          std::vector<std::string>* names) {
  table.Require("machines", "whose verdicts have registers, in the order of their blocks");
  std::vector<std::string> texts;
  if (!table.Strings("machines", &texts)) return;
  std::set<std::string> known;
  for (const MachineConfig& kind : machines) known.insert(kind.names.begin(), kind.names.end());
  for (const std::string& text : texts) {
    if (!ExpandNames(text, *names)) {
      table.Refuse("machines", absl::StrCat("'", text, "' must have a range such as {1..250}"));
      return;
    }
  }
  if (names->empty()) table.Refuse("machines", "must name a machine");
  if (names->size() > static_cast<size_t>(kMostRegisterMachines)) {
    table.Refuse("machines", absl::StrCat("there is room for ", kMostRegisterMachines));
  }
  std::set<std::string> seen;
  for (const std::string& name : *names) {
    if (!known.contains(name)) {
      table.Refuse("machines", absl::StrCat("'", name, "' is in no [[machine]]"));
    } else if (!seen.insert(name).second) {
      table.Refuse("machines", absl::StrCat("'", name, "' is there twice"));
    } else {
      continue;
    }
    return;
  }
}

ModbusOutputConfig ReadModbusOutput(TomlTable& table, const std::vector<MachineConfig>& machines) {
  constexpr NamedValue<bool> kOrders[] = {{"big", false}, {"little", true}};
  ModbusOutputConfig config;
  table.NonEmptyString("host", &config.host);
  in6_addr address;
  if (::inet_pton(AF_INET, config.host.c_str(), &address) != 1 &&
      ::inet_pton(AF_INET6, config.host.c_str(), &address) != 1) {
    table.Refuse("host", "must be an address of this machine, such as 127.0.0.1");
  }
  table.Int("port", {0, 65535}, &config.port);
  table.Enum("word_order", kOrders, &config.low_word_first);
  ReadRegisterMachines(table, machines, &config.machines);
  return config;
}

GrpcOutputConfig ReadGrpcOutput(TomlTable& table, const std::string& base_directory) {
  GrpcOutputConfig config;
  table.Require("listen", "127.0.0.1:port or unix:path");
  if (!table.NonEmptyString("listen", &config.listen)) return config;
  if (absl::StartsWith(config.listen, kUnix)) {
    config.listen =
        kUnix + ResolvePath(base_directory, config.listen.substr(std::string(kUnix).size()));
    return config;
  }
  const size_t colon = config.listen.rfind(':');
  const std::string host = config.listen.substr(0, colon);
  int port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(config.listen.substr(colon + 1), &port) ||
      port < 0 || port > 65535 || !IsLoopback(host == "[::1]" ? "::1" : host)) {
    table.Refuse("listen",
                 "must be a port of the loopback, for example 127.0.0.1:9301, or unix:path: it "
                 "serves without TLS");
  }
  return config;
}

}  // namespace

HeartbeatConfig ReadHeartbeat(TomlTable root, const std::vector<MachineConfig>& machines) {
  HeartbeatConfig config;
  TomlTable table = root.Table("heartbeat");
  table.Double("period_s", {.min = 0.5, .max = 60}, &config.period_s);
  table.Double("fresh_s", kFreshS, &config.fresh_s);
  table.Double("most_lag_s", {.min = 0, .max = 1e6}, &config.most_lag_s);
  table.Bool("ignore_time", &config.ignore_time);
  for (const MachineConfig& machine : machines) {
    const double between_s = static_cast<double>(machine.hop) / machine.rate_hz;
    if (!machine.model.empty() && between_s > machine.FreshS(config.fresh_s)) {
      table.Refuse("fresh_s", absl::StrCat("must be at least the ", between_s,
                                           " s between two verdicts on machine '",
                                           machine.names.empty() ? "" : machine.names.front(),
                                           "', or its [[machine]] needs a fresh_s of its own"));
      break;
    }
  }
  return config;
}

std::vector<OutputConfig> ReadOutputs(TomlTable root, const std::string& base_directory,
                                      const std::vector<MachineConfig>& machines) {
  constexpr NamedValue<OutputKind> kKinds[] = {
      {"mqtt", OutputKind::kMqtt}, {"modbus", OutputKind::kModbus}, {"grpc", OutputKind::kGrpc}};
  std::vector<OutputConfig> configs;
  std::set<std::string> names;
  for (TomlTable& table : root.Tables("output")) {
    OutputConfig config;
    table.Require("name", "what logs and metrics call the output");
    if (table.NonEmptyString("name", &config.name)) {
      const absl::Status name = CheckName("output", config.name);
      if (!name.ok()) table.Refuse("name", name.message());
      if (!names.insert(config.name).second) table.Refuse("name", "another output has it");
    }
    OutputKind kind = OutputKind::kMqtt;
    table.Require("kind", "mqtt, modbus or grpc");
    if (!table.Enum("kind", kKinds, &kind)) continue;
    switch (kind) {
      case OutputKind::kMqtt:
        config.kind = ReadMqttOutput(table, base_directory);
        break;
      case OutputKind::kModbus:
        config.kind = ReadModbusOutput(table, machines);
        break;
      case OutputKind::kGrpc:
        config.kind = ReadGrpcOutput(table, base_directory);
        break;
    }
    configs.push_back(std::move(config));
  }
  return configs;
}

bool TakesOver(const OutputConfig& before, const OutputConfig& now) {
  const auto* was = std::get_if<MqttOutputConfig>(&before.kind);
  const auto* is = std::get_if<MqttOutputConfig>(&now.kind);
  // A broker that comes to TLS has another port.
  return was != nullptr && is != nullptr && before.name == now.name &&
         was->broker.host == is->broker.host && was->verdict_topic == is->verdict_topic;
}

std::string PlaintextWarning(const OutputConfig& config) {
  if (const auto* mqtt = std::get_if<MqttOutputConfig>(&config.kind)) {
    return PlaintextWarning(mqtt->broker);
  }
  const auto* modbus = std::get_if<ModbusOutputConfig>(&config.kind);
  if (modbus == nullptr || IsLoopback(modbus->host)) return "";
  return absl::StrCat("Modbus TCP on ", modbus->host,
                      " knows neither encryption nor passwords: who is on that network can read "
                      "the verdicts, and forge them on their way");
}

}  // namespace millrace
