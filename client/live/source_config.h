// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "client/live/file_config.h"
#include "client/live/modbus_config.h"
#include "client/live/mqtt_config.h"
#include "client/live/stream_channels.h"
#include "plan/toml_reader.h"

namespace millrace {

/// One [[source]] of a site's configuration. Two that are equal are the same source.
struct SourceConfig {
  std::string name;
  std::vector<ChannelRename> renames;
  std::variant<MqttConfig, ModbusConfig, FileConfig, RecordingsConfig, ReplayConfig> kind;

  bool operator==(const SourceConfig&) const = default;
};

/// Reads every [[source]] below `root`; relative paths start at `base_directory`, the folder of the
/// configuration file. What is wrong is reported by the document's Finish, naming the key.
std::vector<SourceConfig> ReadSourceConfigs(TomlTable root, const std::string& base_directory);

/// Why others on the site's network can read or forge what the source brings, for the log when it
/// starts; empty if they cannot.
std::string PlaintextWarning(const SourceConfig& config);

}  // namespace millrace
