// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace millrace {

/// Tells a file from the one that had its name before, and from itself before it grew. Of the real
/// disk: it is the plant's programs that write these files.
struct FileVersion {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t changed_ns = 0;  // Unix time

  bool operator==(const FileVersion&) const = default;
};

/// Errors name the path; INVALID_ARGUMENT for what is no regular file.
absl::StatusOr<FileVersion> VersionOf(const std::string& path);
absl::StatusOr<FileVersion> VersionOf(const std::string& path, int descriptor);

}  // namespace millrace
