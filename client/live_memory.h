// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/crypto/digest.h"
#include "base/file_system.h"
#include "client/inference/engine.h"

namespace millrace {

/// Keeps what an engine has learnt of its machines over restarts: thresholds and drift, in one file
/// each. What cannot be read is learnt anew.
class LiveMemory {
 public:
  /// `files` outlives it.
  LiveMemory(FileSystem* files, std::string folder) : files_(files), folder_(std::move(folder)) {}

  /// Before the engine is used by another thread.
  void Restore(ScoringEngine& engine);
  /// On the engine's thread; takes microseconds for a machine, and writes nothing.
  void Note(const ScoringEngine& engine);
  /// Writes what was noted, if it has changed: on another thread, since a disk takes its time.
  void Save();

 private:
  struct Noted {
    std::map<std::string, ScoringEngine::LearntThreshold> thresholds;
    ScoringEngine::LearntDrift drift;
  };

  void SaveFile(const std::string& name, absl::string_view bytes, Digest& saved);
  std::string ReadOwn(const std::string& name) const;

  FileSystem* const files_;
  const std::string folder_;
  // As they were at the start: of machines that have no model now, too. Not changed after that.
  std::map<std::string, ScoringEngine::LearntThreshold> old_thresholds_;
  // The saving thread's: what is on the disk.
  Digest saved_thresholds_;
  Digest saved_drift_;

  absl::Mutex mutex_;
  Noted noted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
