// SPDX-License-Identifier: Apache-2.0
#include "base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {
namespace {

/// What the owner wrote; empty for the moment in which it has not yet, or if its disk was full.
std::string Owner(int fd) {
  std::array<char, 24> text;
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  int64_t pid = 0;
  if (size <= 0 || !absl::SimpleAtoi(absl::string_view(text.data(), size), &pid)) return "";
  return absl::StrCat(" ", pid);
}

/// Only names the owner, so that a disk that is full keeps nobody from its folder.
void WriteOwner(int fd) {
  const std::string text = absl::StrCat(::getpid(), "\n");
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    LogWarning("the owner of a folder is not noted in it", {{"reason", std::strerror(errno)}});
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::Take(const std::string& folder) {
  MR_RETURN_IF_ERROR(PosixFileSystem()->CreateDirectories(folder));
  const std::string path = absl::StrCat(folder, "/lock");
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("open ", path));
  std::unique_ptr<FolderLock> lock(new FolderLock(fd));  // closes the file on every way out
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, absl::StrCat("lock ", path));
    return absl::FailedPreconditionError(
        absl::StrCat("folder ", folder, ": in use by process", Owner(fd),
                     "; stop that process or give this one a folder of its own"));
  }
  WriteOwner(fd);
  return lock;
}

FolderLock::~FolderLock() { ::close(fd_); }

}  // namespace millrace
