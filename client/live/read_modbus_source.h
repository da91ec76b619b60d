// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "client/live/modbus_config.h"
#include "plan/toml_reader.h"

namespace millrace {

/// The keys of a [[source]] of kind "modbus"; see ReadSourceConfigs.
ModbusConfig ReadModbusConfig(TomlTable table);

}  // namespace millrace
