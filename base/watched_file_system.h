// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace millrace {

/// Another file system, whose failures to change anything become RESOURCE_EXHAUSTED, whether the
/// disk is full, read-only, over its quota or broken: for whoever asked, all of them mean that the
/// disk takes nothing now and may later. Reading fails as it did. Thread-safe.
class WatchedFileSystem final : public FileSystem {
 public:
  using Listener = std::function<void(const absl::Status& fault)>;

  /// `base` outlives this. `on_fault` is called for every such failure, by any thread.
  WatchedFileSystem(FileSystem* base, Listener on_fault);

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  bool Exists(const std::string& path) override;
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override;

 private:
  class WatchedFile;

  /// What a change came to, as the caller is to see it.
  absl::Status Seen(absl::Status status) const;

  FileSystem* const base_;
  const Listener on_fault_;
};

}  // namespace millrace
