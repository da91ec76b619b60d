// SPDX-License-Identifier: Apache-2.0
// Files as sources: one that grows, a folder that recordings appear in, and a replay.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/live/table_rows.h"

namespace millrace {

/// A file that another program appends rows to.
struct FileConfig {
  std::string path;
  RowFormat rows;
  bool from_beginning = false;  // of the file that is there at the start
  double poll_s = 0.5;
  double stale_s = 60;  // 0: never

  bool operator==(const FileConfig&) const = default;
};

/// Recordings: text with a column of times, or .npy arrays [steps] or [steps, channels].
struct RecordingFormat {
  RowFormat rows;
  std::vector<std::string> channels;  // .npy: of rows.machine
  double rate_hz = 0;                 // .npy
  int64_t max_bytes = int64_t{1} << 30;

  bool operator==(const RecordingFormat&) const = default;
};

/// A folder whose files are each read once, when they are whole.
struct RecordingsConfig {
  std::string folder;
  std::string pattern;  // of the files' names, with '*'
  RecordingFormat format;
  double poll_s = 2;
  double settle_s = 5;  // a file that has not changed for so long is whole

  bool operator==(const RecordingsConfig&) const = default;
};

/// Files played as if they happened now.
struct ReplayConfig {
  std::string path;  // a file, or files by a '*' in the last part
  RecordingFormat format;
  double speed = 1;      // 0: as fast as the queue takes it
  bool shifted = false;  // time stamps are moved to now
  bool loop = false;

  bool operator==(const ReplayConfig&) const = default;
};

}  // namespace millrace
