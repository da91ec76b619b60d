// SPDX-License-Identifier: Apache-2.0
#include "base/memory_file_system.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <shared_mutex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace {

struct MemoryFileSystem::Content {
  std::shared_mutex mutex;
  std::vector<char> bytes;  // guarded by mutex
};

class MemoryFileSystem::OpenFile final : public File {
 public:
  OpenFile(std::shared_ptr<Content> content, std::string path, bool writable)
      : content_(std::move(content)), path_(std::move(path)), writable_(writable) {}

  absl::Status ReadAt(int64_t offset, std::span<char> out) override {
    const std::shared_lock lock(content_->mutex);
    const auto& bytes = content_->bytes;
    if (offset < 0 || offset > std::ssize(bytes) || std::ssize(out) > std::ssize(bytes) - offset) {
      return absl::OutOfRangeError(absl::StrCat("read ", path_, ": ends at ", bytes.size()));
    }
    if (!out.empty()) std::memcpy(out.data(), bytes.data() + offset, out.size());
    return absl::OkStatus();
  }

  absl::Status WriteAt(int64_t offset, std::span<const char> data) override {
    if (!writable_) return ErrnoStatus(EBADF, absl::StrCat("write ", path_));
    if (offset < 0) return ErrnoStatus(EINVAL, absl::StrCat("write ", path_));
    const std::unique_lock lock(content_->mutex);
    auto& bytes = content_->bytes;
    if (offset > std::ssize(bytes)) bytes.resize(offset);
    const int64_t overwritten = std::min<int64_t>(std::ssize(data), std::ssize(bytes) - offset);
    std::copy_n(data.begin(), overwritten, bytes.begin() + offset);
    bytes.insert(bytes.end(), data.begin() + overwritten, data.end());
    return absl::OkStatus();
  }

  void StartWriteback(int64_t, int64_t) override {}
  absl::Status Sync() override { return absl::OkStatus(); }

  absl::StatusOr<int64_t> Size() override {
    const std::shared_lock lock(content_->mutex);
    return std::ssize(content_->bytes);
  }

  absl::Status Truncate(int64_t size) override {
    if (!writable_ || size < 0) return ErrnoStatus(EINVAL, absl::StrCat("truncate ", path_));
    const std::unique_lock lock(content_->mutex);
    content_->bytes.resize(size);
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<Content> content_;
  const std::string path_;
  const bool writable_;
};

MemoryFileSystem::MemoryFileSystem() : directories_{".", "/"} {}
MemoryFileSystem::~MemoryFileSystem() = default;

absl::StatusOr<std::unique_ptr<File>> MemoryFileSystem::Open(const std::string& path,
                                                             OpenMode mode) {
  const std::lock_guard lock(mutex_);
  if (IsDirectory(path)) return ErrnoStatus(EISDIR, absl::StrCat("open ", path));
  auto found = files_.find(path);
  if (found == files_.end()) {
    if (mode != OpenMode::kCreate || !IsDirectory(DirectoryOf(path))) {
      return ErrnoStatus(ENOENT, absl::StrCat("open ", path));
    }
    found = files_.emplace(path, std::make_shared<Content>()).first;
  }
  return std::make_unique<OpenFile>(found->second, path, mode != OpenMode::kRead);
}

absl::Status MemoryFileSystem::CreateDirectories(const std::string& path) {
  const std::lock_guard lock(mutex_);
  for (std::string part = path; !IsDirectory(part); part = DirectoryOf(part)) {
    if (files_.contains(part)) return ErrnoStatus(ENOTDIR, absl::StrCat("create directory ", path));
    directories_.insert(part);
  }
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::Rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  const std::string what = absl::StrCat("rename ", from, " to ", to);
  if (!IsDirectory(DirectoryOf(to))) return ErrnoStatus(ENOENT, what);
  const auto found = files_.find(from);
  if (found == files_.end()) return ErrnoStatus(IsDirectory(from) ? EISDIR : ENOENT, what);
  if (IsDirectory(to)) return ErrnoStatus(EISDIR, what);
  if (from == to) return absl::OkStatus();
  files_[to] = std::move(found->second);
  files_.erase(found);
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::Remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (files_.erase(path) == 1) return absl::OkStatus();
  if (!IsDirectory(path)) return ErrnoStatus(ENOENT, absl::StrCat("remove ", path));
  if (!Entries(path).empty()) return ErrnoStatus(ENOTEMPTY, absl::StrCat("remove ", path));
  directories_.erase(path);
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::SyncDirectory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (!IsDirectory(path)) return ErrnoStatus(ENOENT, absl::StrCat("sync directory ", path));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> MemoryFileSystem::List(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (!IsDirectory(path)) return ErrnoStatus(ENOENT, absl::StrCat("list ", path));
  return Entries(path);
}

bool MemoryFileSystem::Exists(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return files_.contains(path) || IsDirectory(path);
}

absl::StatusOr<int64_t> MemoryFileSystem::FreeBytes(const std::string&) { return int64_t{1} << 50; }

bool MemoryFileSystem::IsDirectory(const std::string& path) const {
  return directories_.contains(path);
}

std::vector<std::string> MemoryFileSystem::Entries(const std::string& directory) const {
  const std::string prefix = directory == "."   ? std::string()
                             : directory == "/" ? directory
                                                : absl::StrCat(directory, "/");
  std::vector<std::string> names;
  const auto collect = [&](const std::string& path) {
    if (!absl::StartsWith(path, prefix)) return false;
    const std::string name = path.substr(prefix.size());
    if (!name.empty() && name != "." && name.find('/') == std::string::npos) names.push_back(name);
    return true;
  };
  // Paths that share a prefix stand together in sorted order.
  for (auto i = files_.lower_bound(prefix); i != files_.end() && collect(i->first);) ++i;
  for (auto i = directories_.lower_bound(prefix); i != directories_.end() && collect(*i);) ++i;
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace millrace
