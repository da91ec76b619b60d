// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace millrace {

/// A disk in memory, for simulated federations and tests. It follows POSIX where callers can tell:
/// the folder of a new file must exist, an open file outlives its removal and its replacement.
/// Renames files only. An open file may be used by several threads.
/// Everything is "durable" as soon as it is written. Thread-safe.
class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  /// A file, or an empty directory.
  absl::Status Remove(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  bool Exists(const std::string& path) override;
  /// More than any test or simulation fills.
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override;

 private:
  struct Content;
  class OpenFile;

  bool IsDirectory(const std::string& path) const;
  std::vector<std::string> Entries(const std::string& directory) const;

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Content>> files_;  // by path; guarded by mutex_
  std::set<std::string> directories_;                      // paths; guarded by mutex_
};

}  // namespace millrace
