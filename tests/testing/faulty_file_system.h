// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace millrace::testing {

/// What a call asks of the disk.
enum class DiskCall {
  kOpen,
  kRead,
  kWrite,
  kSync,
  kTruncate,
  kCreateDirectories,
  kRename,
  kRemove,
  kSyncDirectory,
};
inline constexpr int kDiskCalls = 9;

/// How it fails.
enum class DiskFault {
  kIoError,       // UNAVAILABLE, nothing done
  kNotPermitted,  // PERMISSION_DENIED, nothing done: another user's file
  kDiskFull,      // RESOURCE_EXHAUSTED, nothing done
  kShortWrite,    // a write that does half of its work, then RESOURCE_EXHAUSTED
};

/// Another file system whose calls fail where a test says so, and which can lose power. A sync that
/// fails drops what it was to write, as kernels do: a second one does not bring it to the disk.
/// Thread-safe.
class FaultyFileSystem final : public FileSystem {
 public:
  /// `base` outlives this.
  explicit FaultyFileSystem(FileSystem* base) : base_(base) {}

  /// The `index`-th call of this kind from now, the first being 0, fails once.
  void FailCall(DiskCall call, int64_t index, DiskFault fault = DiskFault::kIoError);
  /// The same for the `index`-th call of any kind.
  void FailAnyCall(int64_t index, DiskFault fault);
  /// The `index`-th call of any kind from now, and everything after it, fails: the process is as
  /// good as dead. A write that is the first to fail is cut short.
  void DieAt(int64_t index);
  /// From now on the disk is full: what would make or grow a file is RESOURCE_EXHAUSTED until Heal.
  void FillUp();
  /// From now on the disk is read-only, as one that its kernel no longer trusts: everything that
  /// would change it is RESOURCE_EXHAUSTED until Heal.
  void TurnReadOnly();
  /// What FreeBytes says from now on.
  void SetFreeBytes(int64_t bytes);
  /// No more faults.
  void Heal();
  /// A death has been met, and not healed.
  bool dead() const;
  /// Calls of this kind so far.
  int64_t Calls(DiskCall call) const;
  /// Calls of every kind so far.
  int64_t AllCalls() const;

  /// Takes from the disk what was never synced: bytes of files, and files and renames whose folder
  /// was not. (A removal, and a rename onto an existing file, are taken to last.) Every file
  /// must be closed.
  void LosePower();

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  bool Exists(const std::string& path) override;
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override;

 private:
  class FaultyFile;
  struct Range {
    int64_t begin = 0;
    int64_t end = 0;
  };
  struct Tracked {
    std::vector<char> durable;  // what a power cut leaves
    std::vector<Range> dirty;   // what the next sync brings to the disk
  };
  // An entry that its folder does not hold durably yet.
  struct Entry {
    std::string path;
    std::string renamed_from;  // empty: created
    bool is_directory = false;
  };

  // Counts the call; the fault it meets. `*short_write` is set where half of it is to be done.
  absl::Status Meet(DiskCall call, const std::string& path, bool* short_write = nullptr);
  void RemoveTree(const std::string& path);

  FileSystem* const base_;
  mutable std::mutex mutex_;
  // All below guarded by mutex_.
  std::array<int64_t, kDiskCalls> calls_{};
  int64_t all_calls_ = 0;
  std::array<std::map<int64_t, DiskFault>, kDiskCalls> faults_;  // by number of the call
  std::map<int64_t, DiskFault> any_faults_;                      // by number among all calls
  int64_t dies_at_ = -1;  // number among all calls; -1: lives
  bool full_ = false;
  bool read_only_ = false;
  std::optional<int64_t> free_bytes_;
  std::map<std::string, std::shared_ptr<Tracked>> files_;
  std::vector<Entry> unsynced_;
};

}  // namespace millrace::testing
