// SPDX-License-Identifier: Apache-2.0
#include "client/live/source_config.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "base/name.h"
#include "client/live/read_file_source.h"
#include "client/live/read_modbus_source.h"
#include "client/live/read_mqtt_broker.h"
#include "client/live/read_mqtt_source.h"

namespace millrace {
namespace {

enum class Kind { kMqtt, kModbus, kFile, kRecordings, kReplay };

std::vector<ChannelRename> ReadRenames(TomlTable table) {
  std::vector<ChannelRename> renames;
  std::set<std::string> from;
  for (TomlTable& entry : table.Tables("rename")) {
    ChannelRename rename;
    entry.Require("from", "\"machine/channel\" as the source has it");
    entry.Require("to", "\"machine/channel\" as the site calls it");
    if (entry.NonEmptyString("from", &rename.from) && !from.insert(rename.from).second) {
      entry.Refuse("from", "is renamed twice");
    }
    entry.NonEmptyString("to", &rename.to);
    renames.push_back(std::move(rename));
  }
  return renames;
}

}  // namespace

std::vector<SourceConfig> ReadSourceConfigs(TomlTable root, const std::string& base_directory) {
  constexpr NamedValue<Kind> kKinds[] = {{"mqtt", Kind::kMqtt},
                                         {"modbus", Kind::kModbus},
                                         {"file", Kind::kFile},
                                         {"recordings", Kind::kRecordings},
                                         {"replay", Kind::kReplay}};
  std::vector<SourceConfig> configs;
  std::set<std::string> names;
  for (TomlTable& table : root.Tables("source")) {
    SourceConfig config;
    table.Require("name", "what logs and metrics call the source");
    if (table.NonEmptyString("name", &config.name)) {
      const absl::Status name = CheckName("source", config.name);
      if (!name.ok()) table.Refuse("name", name.message());
      if (!names.insert(config.name).second) table.Refuse("name", "another source has it");
    }
    config.renames = ReadRenames(table);
    Kind kind = Kind::kMqtt;
    table.Require("kind", "mqtt, modbus, file, recordings or replay");
    if (!table.Enum("kind", kKinds, &kind)) continue;
    switch (kind) {
      case Kind::kMqtt:
        config.kind = ReadMqttConfig(table, base_directory);
        break;
      case Kind::kModbus:
        config.kind = ReadModbusConfig(table);
        break;
      case Kind::kFile:
        config.kind = ReadFileConfig(table, base_directory);
        break;
      case Kind::kRecordings:
        config.kind = ReadRecordingsConfig(table, base_directory);
        break;
      case Kind::kReplay:
        config.kind = ReadReplayConfig(table, base_directory);
        break;
    }
    configs.push_back(std::move(config));
  }
  return configs;
}

std::string PlaintextWarning(const SourceConfig& config) {
  if (const auto* mqtt = std::get_if<MqttConfig>(&config.kind)) {
    return PlaintextWarning(static_cast<const MqttBroker&>(*mqtt));
  }
  if (const auto* modbus = std::get_if<ModbusConfig>(&config.kind)) {
    if (IsLoopback(modbus->host)) return "";
    return absl::StrCat("Modbus TCP to ", modbus->host,
                        " knows no encryption: who is on that network can read and forge the data");
  }
  return "";
}

}  // namespace millrace
