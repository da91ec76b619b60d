// SPDX-License-Identifier: Apache-2.0
// The file beside a store's segments that says when its machines were in alarm: it is known only
// once their rows are recorded. A line for each interval,
//   the first 8 bytes of the SHA-256 over the rest, in hex | first row | last row | machine
// times in nanoseconds since 1970. Lines may overlap; what grows is written again, longer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "client/store/alarm_times.h"

namespace millrace {

/// Its name in the store's folder.
inline constexpr char kAlarmsFile[] = "alarms";

/// What the file says, for who does not write it. None where there is no file. A line that is not
/// as it was written is passed over, and the log tells of it, but for the last, which may be in the
/// making. An error is the disk's own.
absl::StatusOr<AlarmTimes> ReadAlarms(FileSystem* files, const std::string& path);

/// The one that writes it: appends, and writes it anew when it has grown. Not thread-safe.
class AlarmLog {
 public:
  /// Opens the file, or makes it with the first alarm. `files` outlives the log.
  static absl::StatusOr<std::unique_ptr<AlarmLog>> Open(FileSystem* files, const std::string& path);

  /// Durable if this succeeds. After an error it is known all the same, and a Sync that succeeds
  /// makes up for it.
  absl::Status Add(const AlarmTimes& alarms);
  absl::Status Sync();
  /// Rows before it are gone, and so may their alarms be, from the next writing anew on.
  void DropBefore(int64_t time_ns) { times_.DropBefore(time_ns); }

  const AlarmTimes& times() const { return times_; }

 private:
  AlarmLog(FileSystem* files, std::string path, AlarmTimes times)
      : files_(files), path_(std::move(path)), times_(std::move(times)) {}
  absl::Status Append(const std::string& lines);
  absl::Status WriteAnew();

  FileSystem* const files_;
  const std::string path_;
  AlarmTimes times_;
  std::unique_ptr<File> file_;  // none: it is to be written anew before anything is appended
  int64_t bytes_ = 0;
  int64_t bytes_anew_ = 0;  // as it was written anew last
  bool behind_ = false;     // it lacks what is known
};

}  // namespace millrace
