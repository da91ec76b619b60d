// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "client/live/file_config.h"
#include "plan/toml_reader.h"

namespace millrace {

/// The keys of a [[source]] of kind "file", "recordings" or "replay"; see ReadSourceConfigs.
FileConfig ReadFileConfig(TomlTable table, const std::string& base_directory);
RecordingsConfig ReadRecordingsConfig(TomlTable table, const std::string& base_directory);
ReplayConfig ReadReplayConfig(TomlTable table, const std::string& base_directory);

}  // namespace millrace
