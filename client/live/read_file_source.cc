// SPDX-License-Identifier: Apache-2.0
#include "client/live/read_file_source.h"

#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "base/file_system.h"
#include "client/data/data_config.h"
#include "client/live/source_keys.h"

namespace millrace {
namespace {

void ReadPath(TomlTable& table, const std::string& base_directory, std::string* path) {
  table.Require("path", "where the data lie");
  if (table.NonEmptyString("path", path)) *path = ResolvePath(base_directory, *path);
}

void ReadUtcOffset(TomlTable& table, RowFormat& rows) {
  std::string text;
  if (!table.NonEmptyString("utc_offset", &text)) return;
  const std::optional<int64_t> offset = ParseUtcOffset(text);
  if (!offset) table.Refuse("utc_offset", "must be an offset to UTC such as \"+02:00\"");
  if (rows.time_column.empty()) {
    table.Require("time_column", "the column that `utc_offset` is of");
  }
  rows.utc_offset_s = offset.value_or(0);
}

RowFormat ReadRows(TomlTable& table) {
  RowFormat rows;
  ReadSeparator(table, &rows.separator);
  if (table.Strings("columns", &rows.columns) && rows.columns.empty()) {
    table.Refuse("columns", "must name at least one column");
  }
  table.NonEmptyString("time_column", &rows.time_column);
  if (table.Has("time") && rows.time_column.empty()) {
    table.Require("time_column", "the column that `time` is the format of");
  }
  table.Enum("time", kTimeFormats, &rows.time);
  ReadUtcOffset(table, rows);
  table.NonEmptyString("machine", &rows.machine);
  table.NonEmptyString("machine_column", &rows.machine_column);
  if (rows.machine.empty() == rows.machine_column.empty()) {
    table.Require("machine", "either whose channels the columns are, or the machine_column");
    table.Forbid("machine_column", "machine says already whose channels the columns are");
  }
  return rows;
}

RecordingFormat ReadRecording(TomlTable& table) {
  RecordingFormat format;
  format.rows = ReadRows(table);
  table.Strings("channels", &format.channels);
  table.Double("rate_hz", kRates, &format.rate_hz);
  table.Int("max_bytes", {.min = 1}, &format.max_bytes);
  return format;
}

}  // namespace

FileConfig ReadFileConfig(TomlTable table, const std::string& base_directory) {
  constexpr NamedValue<bool> kStarts[] = {{"end", false}, {"beginning", true}};
  FileConfig config;
  ReadPath(table, base_directory, &config.path);
  config.rows = ReadRows(table);
  table.Enum("start", kStarts, &config.from_beginning);
  table.Double("poll_s", {.min = 0.01, .max = 3600}, &config.poll_s);
  table.Double("stale_s", {.min = 0, .max = kLongestSeconds}, &config.stale_s);
  return config;
}

RecordingsConfig ReadRecordingsConfig(TomlTable table, const std::string& base_directory) {
  RecordingsConfig config;
  ReadPath(table, base_directory, &config.folder);
  table.Require("pattern", "of the recordings' names, such as \"*.npy\"");
  if (table.NonEmptyString("pattern", &config.pattern) && absl::StrContains(config.pattern, "/")) {
    table.Refuse("pattern", "is of names in the folder, without /");
  }
  config.format = ReadRecording(table);
  table.Double("poll_s", {.min = 0.01, .max = 3600}, &config.poll_s);
  table.Double("settle_s", {.min = 0, .max = kLongestSeconds}, &config.settle_s);
  return config;
}

ReplayConfig ReadReplayConfig(TomlTable table, const std::string& base_directory) {
  constexpr NamedValue<bool> kTimes[] = {{"original", false}, {"now", true}};
  ReplayConfig config;
  ReadPath(table, base_directory, &config.path);
  config.format = ReadRecording(table);
  table.Double("speed", {.min = 0, .max = 1e6}, &config.speed);
  if (config.speed > 0 && config.speed < 0.001) {
    table.Refuse("speed", "must be 0, for as fast as it goes, or at least 0.001");
  }
  table.Enum("times", kTimes, &config.shifted);
  table.Bool("loop", &config.loop);
  return config;
}

}  // namespace millrace
