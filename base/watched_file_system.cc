// SPDX-License-Identifier: Apache-2.0
#include "base/watched_file_system.h"

#include <utility>

#include "base/status.h"

namespace millrace {

class WatchedFileSystem::WatchedFile final : public File {
 public:
  WatchedFile(const WatchedFileSystem* files, std::unique_ptr<File> base)
      : files_(files), base_(std::move(base)) {}

  absl::Status ReadAt(int64_t offset, std::span<char> out) override {
    return base_->ReadAt(offset, out);
  }
  absl::Status WriteAt(int64_t offset, std::span<const char> data) override {
    return files_->Seen(base_->WriteAt(offset, data));
  }
  void StartWriteback(int64_t offset, int64_t length) override {
    base_->StartWriteback(offset, length);
  }
  absl::Status Sync() override { return files_->Seen(base_->Sync()); }
  absl::StatusOr<int64_t> Size() override { return base_->Size(); }
  absl::Status Truncate(int64_t size) override { return files_->Seen(base_->Truncate(size)); }

 private:
  const WatchedFileSystem* const files_;
  const std::unique_ptr<File> base_;
};

WatchedFileSystem::WatchedFileSystem(FileSystem* base, Listener on_fault)
    : base_(base), on_fault_(std::move(on_fault)) {}

absl::Status WatchedFileSystem::Seen(absl::Status status) const {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kPermissionDenied:
      status = absl::ResourceExhaustedError(status.message());
      [[fallthrough]];
    case absl::StatusCode::kResourceExhausted:
      on_fault_(status);
      return status;
    default:
      return status;  // a wrong path, say, which is no fault of the disk
  }
}

absl::StatusOr<std::unique_ptr<File>> WatchedFileSystem::Open(const std::string& path,
                                                              OpenMode mode) {
  absl::StatusOr<std::unique_ptr<File>> file = base_->Open(path, mode);
  if (mode == OpenMode::kRead) return file;
  if (!file.ok()) return Seen(file.status());
  return std::make_unique<WatchedFile>(this, *std::move(file));
}

absl::Status WatchedFileSystem::CreateDirectories(const std::string& path) {
  return Seen(base_->CreateDirectories(path));
}

absl::Status WatchedFileSystem::Rename(const std::string& from, const std::string& to) {
  return Seen(base_->Rename(from, to));
}

absl::Status WatchedFileSystem::Remove(const std::string& path) {
  return Seen(base_->Remove(path));
}

absl::Status WatchedFileSystem::SyncDirectory(const std::string& path) {
  return Seen(base_->SyncDirectory(path));
}

absl::StatusOr<std::vector<std::string>> WatchedFileSystem::List(const std::string& path) {
  return base_->List(path);
}

bool WatchedFileSystem::Exists(const std::string& path) { return base_->Exists(path); }

absl::StatusOr<int64_t> WatchedFileSystem::FreeBytes(const std::string& path) {
  return base_->FreeBytes(path);
}

}  // namespace millrace
