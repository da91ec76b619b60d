// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace millrace {

/// One process at a time owns a state folder: an flock on the file `lock` inside it, which holds
/// the owner's process id if there was space for it. The kernel lets go of it when the process
/// ends, however it ends, and children that are started meanwhile do not inherit it.
class FolderLock {
 public:
  /// Makes the folder if it is missing. FAILED_PRECONDITION, naming the folder and the process that
  /// has it, if it is taken.
  static absl::StatusOr<std::unique_ptr<FolderLock>> Take(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int fd) : fd_(fd) {}

  const int fd_;
};

}  // namespace millrace
