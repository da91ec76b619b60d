// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/crypto/digest.h"
#include "base/file_system.h"
#include "client/inference/scoring_worker.h"

namespace millrace {

/// Keeps what is learnt of a site's machines over restarts: thresholds and drift, in one file each.
/// What cannot be read is learnt anew. Note is thread-safe, the rest for one thread at a time.
class LiveMemory {
 public:
  /// `files` outlives it.
  LiveMemory(FileSystem* files, std::string folder) : files_(files), folder_(std::move(folder)) {}

  /// Once, before the rest: what was saved before.
  LearntOfMachines Load();
  /// Of some machines; the others stay as they are. Takes microseconds for a machine, and writes
  /// nothing.
  void Note(LearntOfMachines learnt);
  /// Writes what is known, if it has changed, or could not be written last: a disk takes its time.
  /// Whether all of it is there.
  bool Save();

 private:
  absl::Status SaveFile(const std::string& name, absl::string_view bytes, Digest& saved);
  std::string ReadOwn(const std::string& name) const;

  FileSystem* const files_;
  const std::string folder_;
  // What is on the disk.
  Digest saved_thresholds_;
  Digest saved_drift_;
  bool saved_ = true;  // the last time that it had to be

  absl::Mutex mutex_;
  // Of machines that have no model now, too.
  LearntOfMachines known_ ABSL_GUARDED_BY(mutex_);
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
