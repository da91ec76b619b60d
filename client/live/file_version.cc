// SPDX-License-Identifier: Apache-2.0
#include "client/live/file_version.h"

#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/live/live_clock.h"

namespace millrace {
namespace {

absl::StatusOr<FileVersion> VersionIn(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file"));
  }
  return FileVersion{status.st_dev, status.st_ino, status.st_size,
                     status.st_mtim.tv_sec * kNsPerS + status.st_mtim.tv_nsec};
}

}  // namespace

absl::StatusOr<FileVersion> VersionOf(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return ErrnoStatus(errno, path);
  return VersionIn(path, status);
}

absl::StatusOr<FileVersion> VersionOf(const std::string& path, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return ErrnoStatus(errno, path);
  return VersionIn(path, status);
}

}  // namespace millrace
