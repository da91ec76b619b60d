// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "base/watched_file_system.h"

namespace millrace {

/// Whether the disk under the state folder takes anything new. A write that fails closes it:
/// updates, runs and rounds are refused from then on instead of failing half-way, one after the
/// other. A small file that can be written and synced again opens it. Thread-safe.
class StorageHealth {
 public:
  static constexpr absl::Duration kRetryAfter = absl::Seconds(5);  // between two tries

  /// Below `min_free_bytes` of free space nothing new is taken either. `disk` outlives this.
  StorageHealth(FileSystem* disk, std::string folder, int64_t min_free_bytes);

  /// The disk, for everything that writes to the folder; its faults are noted.
  FileSystem* files() { return &watched_; }
  /// A fault of whatever writes past files(), such as the store; other statuses are not its
  /// business.
  void Note(const absl::Status& status);

  /// OK while something new may come. RESOURCE_EXHAUSTED names the folder, the reason and when it
  /// is tried again.
  absl::Status Check() const;

  /// Looks at the free space and, where a fault was noted, tries the disk again, if it is time.
  /// Returns when to be called again at the latest; as often as it likes the caller may. `now` is
  /// of a clock that nobody sets.
  absl::Time Probe(absl::Time now);

  struct Reading {
    bool writable = true;
    std::string reason;      // why not
    int64_t free_bytes = 0;  // as of the last Probe
    int64_t faults = 0;      // since the start
  };
  Reading Read() const;

 private:
  absl::Status TryToWrite();
  absl::Time NextCall() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FileSystem* const disk_;
  const std::string folder_;
  const int64_t min_free_bytes_;
  WatchedFileSystem watched_;

  mutable absl::Mutex mutex_;
  std::string fault_ ABSL_GUARDED_BY(mutex_);     // empty: none since the last good write
  std::string shortage_ ABSL_GUARDED_BY(mutex_);  // empty: enough free space
  absl::Time next_try_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int64_t free_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t faults_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace
