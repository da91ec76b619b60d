// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "client/store/stored_rows.h"

namespace millrace {

/// A file of small blocks for what the store is to get in larger ones: a second's rows of a slow
/// machine would be mostly index there. What was synced is there after a power cut. Not
/// thread-safe.
class RowJournal {
 public:
  /// Opens the file, or makes it. `files` outlives the journal. An error is the disk's own; what is
  /// not sound is cut off.
  static absl::StatusOr<std::unique_ptr<RowJournal>> Open(FileSystem* files,
                                                          const std::string& path);

  /// What the file held when it was opened, in its order; given away once.
  std::vector<StoredRows> TakeFound();

  /// After an error the file is as it was, or what it holds is not known until Clear.
  absl::Status Append(const StoredRows& rows);
  /// Nothing to do without an Append since the last one.
  absl::Status Sync();
  /// Durably empty, once the store has everything.
  absl::Status Clear();

  int64_t bytes() const { return bytes_; }

 private:
  explicit RowJournal(std::unique_ptr<File> file) : file_(std::move(file)) {}

  const std::unique_ptr<File> file_;
  std::vector<StoredRows> found_;
  int64_t bytes_ = 0;
  bool dirty_ = false;
};

}  // namespace millrace
