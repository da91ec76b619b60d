// SPDX-License-Identifier: Apache-2.0
#include "client/data/data_config.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plan/rates_and_units.h"

namespace millrace {
namespace {

constexpr const char* kNpyKeys[] = {"manifest", "where"};
constexpr const char* kDelimitedKeys[] = {"separator", "header", "columns", "rename",
                                          "unit",      "order",  "truth",   "missing"};

void ForbidKeysOf(TomlTable& table, absl::string_view kind, std::span<const char* const> keys) {
  for (const char* key : keys) {
    table.Forbid(key, absl::StrCat("belongs to kind = \"", kind, "\"; remove it"));
  }
}

// An absolute `path` stands as it is.
std::string Resolved(const std::string& base_directory, const std::string& path) {
  return (std::filesystem::path(base_directory) / path).lexically_normal().string();
}

void ReadColumns(TomlTable& table, DataConfig& config) {
  bool header = true;
  table.Bool("header", &header);
  const bool named = table.Strings("columns", &config.columns);
  if (named && config.columns.empty()) table.Refuse("columns", "must name at least one column");
  if (named && header && table.Has("header")) {
    table.Refuse("columns", "the header line names the columns; remove this key or header = true");
  }
  if (!named && !header) {
    table.Require("columns", "with header = false the columns are named here, in order");
  }
  for (TomlTable& entry : table.Tables("rename")) {
    ColumnRename rename;
    entry.Require("column", "the column as the file names it");
    entry.Require("name", "the name that the plan has for this column");
    entry.NonEmptyString("column", &rename.column);
    entry.NonEmptyString("name", &rename.name);
    config.renames.push_back(std::move(rename));
  }
}

void ReadDelimited(TomlTable& table, const std::string& base_directory, DataConfig& config) {
  constexpr NamedValue<MissingPolicy> kPolicies[] = {{"refuse", MissingPolicy::kRefuse},
                                                     {"drop", MissingPolicy::kDrop}};
  ReadSeparator(table, &config.separator);
  ReadColumns(table, config);
  table.NonEmptyString("unit", &config.unit);
  table.NonEmptyString("order", &config.order);
  if (table.NonEmptyString("truth", &config.truth)) {
    config.truth = Resolved(base_directory, config.truth);
  }
  table.Enum("missing", kPolicies, &config.missing);
  ForbidKeysOf(table, "npy", kNpyKeys);
}

void ReadNpyKeys(TomlTable& table, DataConfig& config) {
  table.NonEmptyString("manifest", &config.manifest);
  for (TomlTable& entry : table.Tables("where")) {
    RowFilter filter;
    entry.Require("column", "the manifest's column to filter by");
    entry.Require("values", "the values of the column that are kept");
    entry.NonEmptyString("column", &filter.column);
    if (entry.Strings("values", &filter.values) && filter.values.empty()) {
      entry.Refuse("values", "must name at least one value");
    }
    config.where.push_back(std::move(filter));
  }
  ForbidKeysOf(table, "delimited", kDelimitedKeys);
}

void ReadRateAndUnits(TomlTable& table, DataConfig& config) {
  table.Double("rate_hz", kRatesHz, &config.rate_hz);
  for (TomlTable& entry : table.Tables("units")) {
    ColumnUnit unit;
    entry.Require("column", "a column by the name that the plan has for it");
    entry.Require("unit", "in which the files have it");
    entry.NonEmptyString("column", &unit.column);
    ReadUnit(entry, "unit", &unit.unit);
    if (std::ranges::find(config.units, unit.column, &ColumnUnit::column) != config.units.end()) {
      entry.Refuse("column", "has a unit already");
    }
    config.units.push_back(std::move(unit));
  }
}

void ReadRecorded(TomlTable& table, DataConfig& config) {
  constexpr int64_t kLargestStore = int64_t{1} << 30;  // all of it comes into memory
  config.max_bytes = kLargestStore;
  table.Int("max_bytes", {.min = 1}, &config.max_bytes);
  table.Strings("machines", &config.machines);
  if (config.kind == DataKind::kStore) {
    table.Int("days", {.min = 0, .max = 36'500}, &config.days);
    table.Bool("alarms", &config.alarms);
  }
  ForbidKeysOf(table, "npy", kNpyKeys);
  ForbidKeysOf(table, "delimited", kDelimitedKeys);
  for (const char* key : {"rate_hz", "units"}) {
    table.Forbid(key, "what is recorded of machines has those of its [[machine]]; remove it");
  }
}

}  // namespace

bool ReadSeparator(TomlTable& table, char* separator) {
  std::string text;
  if (!table.NonEmptyString("separator", &text)) return false;
  if (text == "whitespace") {
    *separator = ' ';
  } else if (text == "tab" || text == "\t") {
    *separator = '\t';
  } else if (text.size() == 1 && absl::ascii_ispunct(text[0]) &&
             !absl::StrContains("\"+-._", text)) {
    *separator = text[0];
  } else {
    table.Refuse("separator",
                 "must be one sign that stands in no number or name, such as , ; or |, or \"tab\" "
                 "or \"whitespace\"");
    return false;
  }
  return true;
}

DataConfig ReadDataConfig(TomlTable table, const std::string& base_directory) {
  constexpr NamedValue<DataKind> kKinds[] = {{"delimited", DataKind::kDelimited},
                                             {"npy", DataKind::kNpy},
                                             {"store", DataKind::kStore},
                                             {"captures", DataKind::kCaptures}};
  DataConfig config;
  table.Require("kind", "\"delimited\", \"npy\", \"store\" or \"captures\"");
  table.Enum("kind", kKinds, &config.kind);
  const bool recorded = config.kind == DataKind::kStore || config.kind == DataKind::kCaptures;
  if (!recorded) table.Require("path", "where the data lies");
  if (table.NonEmptyString("path", &config.path)) {
    config.path = Resolved(base_directory, config.path);
  }
  table.Int("max_bytes", {.min = 1}, &config.max_bytes);
  table.Double("from_share", {.min = 0, .max = 1, .below_max = true}, &config.from_share);
  table.Double("to_share", {.min = 0, .max = 1, .above_min = true}, &config.to_share);
  if (config.from_share >= config.to_share) {
    table.Refuse("from_share", "must be less than to_share");
  }
  if (config.kind != DataKind::kCaptures) table.Bool("captures", &config.with_captures);
  if (!recorded) ReadRateAndUnits(table, config);
  if (recorded) {
    ReadRecorded(table, config);
  } else if (config.kind == DataKind::kDelimited) {
    ReadDelimited(table, base_directory, config);
  } else {
    ReadNpyKeys(table, config);
  }
  return config;
}

}  // namespace millrace
