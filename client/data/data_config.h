// SPDX-License-Identifier: Apache-2.0
// What a site's configuration says about its data: the tables [data] (training) and [test]
// (evaluation), which have the same keys.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan/toml_reader.h"

namespace millrace {

enum class DataKind {
  kDelimited,  // text, one row per step
  kNpy,        // one .npy recording per unit, listed in a manifest
  kStore,      // what the daemon has recorded of its machines
  kCaptures    // what it has captured, as far as somebody has labelled it
};

enum class MissingPolicy {
  kRefuse,
  /// A row that lacks a channel or a mode is dropped and the unit goes on as a new segment, so that
  /// no window bridges the gap. A row that lacks only its label stays, as one that no window ends
  /// on.
  kDrop
};

struct ColumnRename {
  std::string column;  // as the file has it
  std::string name;    // as the plan, `unit` and `order` have it
};

struct ColumnUnit {
  std::string column;  // as the plan has it
  std::string unit;
};

/// Keeps the manifest's rows whose `column` reads one of `values`.
struct RowFilter {
  std::string column;
  std::vector<std::string> values;
};

struct DataConfig {
  DataKind kind = DataKind::kDelimited;
  /// delimited: a file, or files by a '*' in the last part of the path; each file's units are kept
  /// apart. npy: the folder of the manifest and the recordings. store and captures: the daemon's
  /// folder.
  std::string path;
  /// Largest text (unpacked) or recording that is read, bytes per file.
  int64_t max_bytes = int64_t{1} << 32;
  /// The share of each series that is kept, by time: steps floor(from * n) up to floor(to * n).
  /// Recordings are often long enough that [data] and [test] are two parts of the same one.
  double from_share = 0;
  double to_share = 1;

  // delimited and npy; recordings of machines know both themselves
  double rate_hz = 0;             // of the rows; 0: not said
  std::vector<ColumnUnit> units;  // of columns; of the others none is said

  // delimited
  char separator = ',';              // ' ' stands for any run of blanks
  std::vector<std::string> columns;  // names of a file without a header; empty: line 1 has them
  std::vector<ColumnRename> renames;
  std::string unit;   // column that names the unit; empty: each file is one unit
  std::string order;  // column that must ascend strictly within a unit; empty: the file's order
  std::string truth;  // run-to-failure: file with the steps left after each unit's last row
  MissingPolicy missing = MissingPolicy::kRefuse;

  // npy
  std::string manifest = "manifest.csv";  // in `path`
  std::vector<RowFilter> where;           // all of them must hold

  // store and captures
  std::vector<std::string> machines;  // of these alone; empty: of all that have the plan's channels
  int64_t days = 0;                   // store: before the newest row; 0: all there are
  bool alarms = false;  // store, for a model that learns the normal state: rows of alarms too

  // all but captures
  bool with_captures = false;   // the labelled ones, besides
  std::string captures_folder;  // where they are
};

/// Reads the key `separator`: any character that parts fields without being part of one, or the
/// words "tab" and "whitespace".
bool ReadSeparator(TomlTable& table, char* separator);

/// Reads [data] or [test]; relative paths (`path`, `truth`) start at `base_directory`, the folder
/// of the configuration file. What is wrong is reported by the document's Finish, naming the key.
DataConfig ReadDataConfig(TomlTable table, const std::string& base_directory);

}  // namespace millrace
