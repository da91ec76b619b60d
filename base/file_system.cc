// SPDX-License-Identifier: Apache-2.0
#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/durable_parts.h"
#include "base/status.h"

namespace millrace {
namespace {

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }

  absl::Status ReadAt(int64_t offset, std::span<char> out) override {
    while (!out.empty()) {
      const ssize_t n = ::pread(fd_, out.data(), out.size(), offset);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return ErrnoStatus(errno, absl::StrCat("read ", path_));
      if (n == 0) return absl::OutOfRangeError(absl::StrCat("read ", path_, ": ends at ", offset));
      out = out.subspan(n);
      offset += n;
    }
    return absl::OkStatus();
  }

  absl::Status WriteAt(int64_t offset, std::span<const char> data) override {
    while (!data.empty()) {
      const ssize_t n = ::pwrite(fd_, data.data(), data.size(), offset);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return ErrnoStatus(errno, absl::StrCat("write ", path_));
      data = data.subspan(n);
      offset += n;
    }
    return absl::OkStatus();
  }

  void StartWriteback(int64_t offset, int64_t length) override {
    ::sync_file_range(fd_, offset, length, SYNC_FILE_RANGE_WRITE);
  }

  absl::Status Sync() override {
    if (::fdatasync(fd_) != 0) return ErrnoStatus(errno, absl::StrCat("sync ", path_));
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> Size() override {
    struct stat info;
    if (::fstat(fd_, &info) != 0) return ErrnoStatus(errno, absl::StrCat("stat ", path_));
    return info.st_size;
  }

  absl::Status Truncate(int64_t size) override {
    if (::ftruncate(fd_, size) != 0) return ErrnoStatus(errno, absl::StrCat("truncate ", path_));
    return absl::OkStatus();
  }

 private:
  const int fd_;
  const std::string path_;
};

class RealFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    int flags = O_CLOEXEC;
    if (mode == OpenMode::kRead) flags |= O_RDONLY;
    if (mode == OpenMode::kReadWrite) flags |= O_RDWR;
    if (mode == OpenMode::kCreate) flags |= O_RDWR | O_CREAT;
    const int fd = ::open(path.c_str(), flags, 0600);
    if (fd < 0) return ErrnoStatus(errno, absl::StrCat("open ", path));
    return std::make_unique<PosixFile>(fd, path);
  }

  absl::Status CreateDirectories(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return ErrnoStatus(error.value(), absl::StrCat("create directory ", path));
    return absl::OkStatus();
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return ErrnoStatus(errno, absl::StrCat("rename ", from, " to ", to));
    }
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& path) override {
    if (::remove(path.c_str()) != 0) return ErrnoStatus(errno, absl::StrCat("remove ", path));
    return absl::OkStatus();
  }

  absl::Status SyncDirectory(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ErrnoStatus(errno, absl::StrCat("open directory ", path));
    const int result = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    if (result != 0) return ErrnoStatus(error, absl::StrCat("sync directory ", path));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    DIR* directory = ::opendir(path.c_str());
    if (directory == nullptr) return ErrnoStatus(errno, absl::StrCat("list ", path));
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(directory)) {
      const absl::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  bool Exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override {
    struct statvfs info;
    if (::statvfs(path.c_str(), &info) != 0) {
      return ErrnoStatus(errno, absl::StrCat("free space of ", path));
    }
    return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
  }
};

}  // namespace

FileSystem* PosixFileSystem() {
  static RealFileSystem* const files = new RealFileSystem;
  return files;
}

absl::StatusOr<std::string> ReadFile(FileSystem* files, const std::string& path,
                                     int64_t max_bytes) {
  MR_ASSIGN_OR_RETURN(const auto file, files->Open(path, FileSystem::OpenMode::kRead));
  MR_ASSIGN_OR_RETURN(const int64_t size, file->Size());
  if (size > max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("read ", path, ": ", size, " bytes, at most ", max_bytes, " are accepted"));
  }
  std::string content(size, '\0');
  MR_RETURN_IF_ERROR(file->ReadAt(0, {content.data(), content.size()}));
  return content;
}

absl::Status WriteFileDurably(FileSystem* files, const std::string& path, absl::string_view data) {
  return WritePartsDurably(files, path, {&data, 1});
}

absl::Status WritePartsDurably(FileSystem* files, const std::string& path,
                               std::span<const absl::string_view> parts) {
  const std::string temporary = absl::StrCat(path, ".tmp");
  {
    MR_ASSIGN_OR_RETURN(const auto file, files->Open(temporary, FileSystem::OpenMode::kCreate));
    MR_RETURN_IF_ERROR(file->Truncate(0));
    int64_t at = 0;
    for (const absl::string_view part : parts) {
      MR_RETURN_IF_ERROR(file->WriteAt(at, {part.data(), part.size()}));
      at += static_cast<int64_t>(part.size());
    }
    MR_RETURN_IF_ERROR(file->Sync());
  }
  MR_RETURN_IF_ERROR(files->Rename(temporary, path));
  return files->SyncDirectory(DirectoryOf(path));
}

std::string ResolvePath(const std::string& folder, const std::string& path) {
  return (std::filesystem::path(folder) / path).string();
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace millrace
