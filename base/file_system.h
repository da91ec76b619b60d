// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// An open file. Closed by the destructor. Not thread-safe.
class File {
 public:
  virtual ~File() = default;
  /// Fills `out` from `offset`; OUT_OF_RANGE when the file ends before that.
  virtual absl::Status ReadAt(int64_t offset, std::span<char> out) = 0;
  /// Writes all of `data` or fails; RESOURCE_EXHAUSTED when the disk is full.
  virtual absl::Status WriteAt(int64_t offset, std::span<const char> data) = 0;
  /// Asks the kernel to begin writing [offset, offset + length) back, so that a later Sync finds
  /// little left to do. A hint: it says nothing of durability.
  virtual void StartWriteback(int64_t offset, int64_t length) = 0;
  /// Returns once everything written is on stable storage (fdatasync).
  virtual absl::Status Sync() = 0;
  virtual absl::StatusOr<int64_t> Size() = 0;
  virtual absl::Status Truncate(int64_t size) = 0;
};

/// The disk, as the store, the blobs and the spool see it, so that tests can make it fail.
/// Thread-safe. Messages name the path.
class FileSystem {
 public:
  enum class OpenMode { kRead, kReadWrite, kCreate };  // kCreate: read-write, made if missing

  virtual ~FileSystem() = default;
  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  virtual absl::Status CreateDirectories(const std::string& path) = 0;
  /// Atomic, replaces `to`.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  /// Makes creations, renames and removals inside `path` durable.
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
  /// Names (not paths) of the entries of a directory, sorted.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;
  virtual bool Exists(const std::string& path) = 0;
  /// Bytes that this process may still write where the directory `path` lies.
  virtual absl::StatusOr<int64_t> FreeBytes(const std::string& path) = 0;
};

/// The real one; never null, lives until the process ends.
FileSystem* PosixFileSystem();

/// The whole file; RESOURCE_EXHAUSTED if it is larger than `max_bytes`.
absl::StatusOr<std::string> ReadFile(FileSystem* files, const std::string& path,
                                     int64_t max_bytes = int64_t{1} << 32);

/// Writes to a temporary file beside `path`, syncs, renames over `path`, syncs the directory:
/// after a crash the old content or the new is there, whole.
absl::Status WriteFileDurably(FileSystem* files, const std::string& path, absl::string_view data);

/// `path` as it is meant from `folder`; an absolute one stays as it is.
std::string ResolvePath(const std::string& folder, const std::string& path);

/// The directory part of `path`, "." if it has none.
std::string DirectoryOf(const std::string& path);

}  // namespace millrace
