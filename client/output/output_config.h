// SPDX-License-Identifier: Apache-2.0
// What a site's configuration says about where verdicts go: [heartbeat] and [[output]].
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "client/inference/machine_config.h"
#include "client/live/mqtt_config.h"
#include "plan/toml_reader.h"

namespace millrace {

/// How a PLC learns that the verdicts that it reads still count.
struct HeartbeatConfig {
  double period_s = 1;
  double fresh_s = 30;  // how long ago the newest sample of a machine's last verdict may have come
  double most_lag_s = 10;    // how old it may have been by its own time when it came
  bool ignore_time = false;  // the data's own time says nothing: wrong clocks, or recordings

  bool operator==(const HeartbeatConfig&) const = default;
};

/// Publishes at a broker. {machine} in a topic stands for the machine's name.
struct MqttOutputConfig {
  MqttBroker broker;
  std::string verdict_topic = "millrace/{machine}/verdict";
  std::string heartbeat_topic = "millrace/{machine}/heartbeat";
  std::string status_topic = "millrace/status";
  bool retain = true;             // verdicts
  int64_t queue_verdicts = 1000;  // that may wait for the broker

  bool operator==(const MqttOutputConfig&) const = default;
};

/// Answers Modbus TCP (verdict_registers.h).
struct ModbusOutputConfig {
  std::string host = "127.0.0.1";  // an address of this machine
  int64_t port = 1502;             // 0: a free one
  std::vector<std::string> machines;
  bool low_word_first = false;

  bool operator==(const ModbusOutputConfig&) const = default;
};

/// Serves proto/millrace/v1/live.proto.
struct GrpcOutputConfig {
  std::string listen;  // host:port of the loopback, or unix:path

  bool operator==(const GrpcOutputConfig&) const = default;
};

/// One [[output]].
struct OutputConfig {
  std::string name;
  std::variant<MqttOutputConfig, ModbusOutputConfig, GrpcOutputConfig> kind;

  bool operator==(const OutputConfig&) const = default;
};

/// Reads [heartbeat]. What is wrong is reported by the document's Finish, naming the key.
HeartbeatConfig ReadHeartbeat(TomlTable root, const std::vector<MachineConfig>& machines);
/// Reads [[output]]; relative paths start at `base_directory`.
std::vector<OutputConfig> ReadOutputs(TomlTable root, const std::string& base_directory,
                                      const std::vector<MachineConfig>& machines);

/// Whether what waits for the broker of `before` may as well wait for that of `now`: an output of
/// the same name, broker and topic, whatever else has changed.
bool TakesOver(const OutputConfig& before, const OutputConfig& now);

/// Why others on the site's network can read or forge what it tells, for the log when it starts;
/// empty if they cannot.
std::string PlaintextWarning(const OutputConfig& config);

}  // namespace millrace
