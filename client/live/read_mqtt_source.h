// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "client/live/mqtt_config.h"
#include "plan/toml_reader.h"

namespace millrace {

/// The keys of a [[source]] of kind "mqtt"; see ReadSourceConfigs.
MqttConfig ReadMqttConfig(TomlTable table, const std::string& base_directory);

}  // namespace millrace
