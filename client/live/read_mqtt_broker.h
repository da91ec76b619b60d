// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "client/live/mqtt_config.h"
#include "plan/toml_reader.h"

namespace millrace {

/// Reads the keys of a broker, which a [[source]] and an [[output]] spell alike. Relative paths
/// start at `base_directory`. What is wrong is reported by the document's Finish, naming the key.
void ReadMqttBroker(TomlTable& table, const std::string& base_directory, MqttBroker& broker);

/// Why others on the network can read or forge what goes over it; empty if they cannot.
std::string PlaintextWarning(const MqttBroker& broker);

/// Whether only this machine reaches it.
bool IsLoopback(const std::string& host);

}  // namespace millrace
