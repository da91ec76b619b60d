// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file_system.h"
#include "client/store/alarm_times.h"
#include "client/store/segment.h"
#include "client/store/stored_rows.h"

namespace millrace {

/// A site's recordings as they are at the moment, for a process that does not write them: changes
/// nothing, also where something is damaged, and does not mind who appends or removes meanwhile.
class StoreReader {
 public:
  /// NOT_FOUND if there is no such folder, or the error of a disk that does not tell which rows
  /// were taken in an alarm. `files` outlives the reader.
  /// Of the segments the newest are looked at, until they have `newest_bytes`: each block that is
  /// listed takes memory. CANCELLED where `halted` says so between two segments.
  static absl::StatusOr<StoreReader> Open(
      FileSystem* files, const std::string& folder,
      int64_t newest_bytes = std::numeric_limits<int64_t>::max(),
      const std::function<bool()>& halted = [] { return false; });

  /// Of which there are rows, sorted.
  std::vector<std::string> Machines() const;
  /// Up to which time the rows are taken for what they say: a day after `now_ns`, since some wrong
  /// clock has dated what lies beyond. The largest int64 where all lies there, as it is `now_ns`
  /// then that must be wrong.
  int64_t end_ns(int64_t now_ns) const;
  /// Of the newest row before `end_ns`; the least int64 where there is none.
  int64_t newest_ns(int64_t end_ns) const;
  /// The time from which on all rows of these machines before `end_ns` take at most `bytes` on the
  /// disk; of every machine, if none is named. The least int64 where all that there are do.
  int64_t NewestWithin(int64_t bytes, std::span<const std::string> machines, int64_t end_ns) const;

  /// Calls `visit` with the machine's rows within [from_ns, to_ns), block by block, by their time.
  /// Those that are known by now to be of an alarm are marked. A row comes once, though it be in
  /// several blocks. What cannot be read as it was written is passed over.
  void Read(absl::string_view machine, int64_t from_ns, int64_t to_ns,
            const std::function<void(StoredRows)>& visit) const;

 private:
  struct Block {
    std::string path;
    BlockPlace place;
  };

  explicit StoreReader(FileSystem* files) : files_(files) {}
  /// Gives its bytes.
  int64_t List(const std::string& path);

  FileSystem* files_;
  AlarmTimes alarms_;
  std::vector<Block> blocks_;  // by their first row's time
};

}  // namespace millrace
