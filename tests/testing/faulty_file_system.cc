// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/faulty_file_system.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"

namespace millrace::testing {
namespace {

bool NeedsSpace(DiskCall call) {
  return call == DiskCall::kWrite || call == DiskCall::kSync ||
         call == DiskCall::kCreateDirectories;
}

absl::Status ReadOnly(const std::string& path) {
  return absl::ResourceExhaustedError(absl::StrCat(path, ": injected read-only disk"));
}

}  // namespace

class FaultyFileSystem::FaultyFile final : public File {
 public:
  FaultyFile(FaultyFileSystem* files, std::unique_ptr<File> base, std::string path,
             std::shared_ptr<Tracked> tracked)
      : files_(files),
        base_(std::move(base)),
        path_(std::move(path)),
        tracked_(std::move(tracked)) {}

  absl::Status ReadAt(int64_t offset, std::span<char> out) override {
    MR_RETURN_IF_ERROR(files_->Meet(DiskCall::kRead, path_));
    return base_->ReadAt(offset, out);
  }

  absl::Status WriteAt(int64_t offset, std::span<const char> data) override {
    bool short_write = false;
    absl::Status met = files_->Meet(DiskCall::kWrite, path_, &short_write);
    if (short_write) data = data.first(data.size() / 2);
    if (!met.ok() && !short_write) return met;
    MR_RETURN_IF_ERROR(base_->WriteAt(offset, data));
    const std::lock_guard lock(files_->mutex_);
    tracked_->dirty.push_back({offset, offset + std::ssize(data)});
    return met;
  }

  void StartWriteback(int64_t offset, int64_t length) override {
    base_->StartWriteback(offset, length);
  }

  absl::Status Sync() override {
    const absl::Status met = files_->Meet(DiskCall::kSync, path_);
    MR_ASSIGN_OR_RETURN(const int64_t size, base_->Size());
    const std::lock_guard lock(files_->mutex_);
    const std::vector<Range> dirty = std::exchange(tracked_->dirty, {});
    if (!met.ok()) return met;
    tracked_->durable.resize(size);
    const std::span durable(tracked_->durable);
    for (const Range& range : dirty) {
      const auto bytes = durable.subspan(range.begin, range.end - range.begin);
      MR_RETURN_IF_ERROR(base_->ReadAt(range.begin, bytes));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> Size() override { return base_->Size(); }

  absl::Status Truncate(int64_t size) override {
    MR_RETURN_IF_ERROR(files_->Meet(DiskCall::kTruncate, path_));
    MR_RETURN_IF_ERROR(base_->Truncate(size));
    const std::lock_guard lock(files_->mutex_);
    if (std::ssize(tracked_->durable) > size) tracked_->durable.resize(size);
    for (Range& range : tracked_->dirty) {
      range = {std::min(range.begin, size), std::min(range.end, size)};
    }
    return absl::OkStatus();
  }

 private:
  FaultyFileSystem* const files_;
  const std::unique_ptr<File> base_;
  const std::string path_;
  const std::shared_ptr<Tracked> tracked_;
};

void FaultyFileSystem::FailCall(DiskCall call, int64_t index, DiskFault fault) {
  const std::lock_guard lock(mutex_);
  const int kind = static_cast<int>(call);
  faults_[kind][calls_[kind] + index] = fault;
}

void FaultyFileSystem::FailAnyCall(int64_t index, DiskFault fault) {
  const std::lock_guard lock(mutex_);
  any_faults_[all_calls_ + index] = fault;
}

void FaultyFileSystem::DieAt(int64_t index) {
  const std::lock_guard lock(mutex_);
  dies_at_ = all_calls_ + index;
}

void FaultyFileSystem::FillUp() {
  const std::lock_guard lock(mutex_);
  full_ = true;
}

void FaultyFileSystem::TurnReadOnly() {
  const std::lock_guard lock(mutex_);
  read_only_ = true;
}

void FaultyFileSystem::SetFreeBytes(int64_t bytes) {
  const std::lock_guard lock(mutex_);
  free_bytes_ = bytes;
}

void FaultyFileSystem::Heal() {
  const std::lock_guard lock(mutex_);
  dies_at_ = -1;
  full_ = false;
  read_only_ = false;
  for (auto& faults : faults_) faults.clear();
  any_faults_.clear();
}

bool FaultyFileSystem::dead() const {
  const std::lock_guard lock(mutex_);
  return dies_at_ >= 0 && all_calls_ > dies_at_;
}

int64_t FaultyFileSystem::Calls(DiskCall call) const {
  const std::lock_guard lock(mutex_);
  return calls_[static_cast<int>(call)];
}

int64_t FaultyFileSystem::AllCalls() const {
  const std::lock_guard lock(mutex_);
  return all_calls_;
}

absl::Status FaultyFileSystem::Meet(DiskCall call, const std::string& path, bool* short_write) {
  const std::lock_guard lock(mutex_);
  const int kind = static_cast<int>(call);
  const int64_t number = calls_[kind]++;
  const int64_t overall = all_calls_++;
  if (dies_at_ >= 0 && overall >= dies_at_) {
    if (short_write != nullptr) *short_write = overall == dies_at_;
    return absl::UnavailableError(absl::StrCat(path, ": injected death"));
  }
  if (full_ && NeedsSpace(call)) {
    return absl::ResourceExhaustedError(absl::StrCat(path, ": injected full disk"));
  }
  // Whether a file is opened to be written, Open knows.
  if (read_only_ && call != DiskCall::kRead && call != DiskCall::kOpen) return ReadOnly(path);
  const auto of_kind = faults_[kind].find(number);
  const auto of_any = any_faults_.find(overall);
  if (of_kind == faults_[kind].end() && of_any == any_faults_.end()) return absl::OkStatus();
  const DiskFault fault = of_any != any_faults_.end() ? of_any->second : of_kind->second;
  if (fault == DiskFault::kIoError) {
    return absl::UnavailableError(absl::StrCat(path, ": injected I/O error"));
  }
  if (fault == DiskFault::kNotPermitted) {
    return absl::PermissionDeniedError(absl::StrCat(path, ": injected other owner"));
  }
  if (short_write != nullptr) *short_write = fault == DiskFault::kShortWrite;
  return absl::ResourceExhaustedError(absl::StrCat(path, ": injected full disk"));
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::Open(const std::string& path,
                                                             OpenMode mode) {
  MR_RETURN_IF_ERROR(Meet(DiskCall::kOpen, path));
  {
    const std::lock_guard lock(mutex_);
    if (read_only_ && mode != OpenMode::kRead) return ReadOnly(path);
  }
  const bool existed = base_->Exists(path);
  MR_ASSIGN_OR_RETURN(auto file, base_->Open(path, mode));
  const std::lock_guard lock(mutex_);
  if (!files_.contains(path)) {
    MR_ASSIGN_OR_RETURN(const int64_t size, file->Size());
    std::vector<char> content(size);
    MR_RETURN_IF_ERROR(file->ReadAt(0, content));
    files_[path] = std::make_shared<Tracked>(Tracked{std::move(content), {}});
  }
  if (!existed) unsynced_.push_back({path, "", false});
  return std::make_unique<FaultyFile>(this, std::move(file), path, files_[path]);
}

absl::Status FaultyFileSystem::CreateDirectories(const std::string& path) {
  MR_RETURN_IF_ERROR(Meet(DiskCall::kCreateDirectories, path));
  std::vector<Entry> created;
  for (std::string part = path; !base_->Exists(part); part = DirectoryOf(part)) {
    created.insert(created.begin(), {part, "", true});
  }
  MR_RETURN_IF_ERROR(base_->CreateDirectories(path));
  const std::lock_guard lock(mutex_);
  unsynced_.insert(unsynced_.end(), created.begin(), created.end());
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::Rename(const std::string& from, const std::string& to) {
  MR_RETURN_IF_ERROR(Meet(DiskCall::kRename, from));
  const bool replaces = base_->Exists(to);
  MR_RETURN_IF_ERROR(base_->Rename(from, to));
  const std::lock_guard lock(mutex_);
  if (files_.contains(from)) {
    files_[to] = files_[from];
    files_.erase(from);
  }
  if (!replaces) unsynced_.push_back({to, from, false});
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::Remove(const std::string& path) {
  MR_RETURN_IF_ERROR(Meet(DiskCall::kRemove, path));
  MR_RETURN_IF_ERROR(base_->Remove(path));
  const std::lock_guard lock(mutex_);
  files_.erase(path);
  std::erase_if(unsynced_, [&](const Entry& entry) { return entry.path == path; });
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::SyncDirectory(const std::string& path) {
  MR_RETURN_IF_ERROR(Meet(DiskCall::kSyncDirectory, path));
  MR_RETURN_IF_ERROR(base_->SyncDirectory(path));
  const std::lock_guard lock(mutex_);
  std::erase_if(unsynced_, [&](const Entry& entry) { return DirectoryOf(entry.path) == path; });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FaultyFileSystem::List(const std::string& path) {
  return base_->List(path);
}

bool FaultyFileSystem::Exists(const std::string& path) { return base_->Exists(path); }

absl::StatusOr<int64_t> FaultyFileSystem::FreeBytes(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    if (free_bytes_) return *free_bytes_;
  }
  return base_->FreeBytes(path);
}

void FaultyFileSystem::LosePower() {
  const std::lock_guard lock(mutex_);
  for (auto entry = unsynced_.rbegin(); entry != unsynced_.rend(); ++entry) {
    if (!base_->Exists(entry->path)) continue;
    if (entry->is_directory) {
      RemoveTree(entry->path);
    } else if (entry->renamed_from.empty()) {
      MR_CHECK(base_->Remove(entry->path).ok());
      files_.erase(entry->path);
    } else {
      MR_CHECK(base_->Rename(entry->path, entry->renamed_from).ok());
      files_[entry->renamed_from] = files_[entry->path];
      files_.erase(entry->path);
    }
  }
  unsynced_.clear();
  for (const auto& [path, tracked] : files_) {
    const auto file = base_->Open(path, OpenMode::kReadWrite);
    MR_CHECK(file.ok() && (*file)->Truncate(std::ssize(tracked->durable)).ok());
    MR_CHECK((*file)->WriteAt(0, tracked->durable).ok());
    tracked->dirty.clear();
  }
}

void FaultyFileSystem::RemoveTree(const std::string& path) {
  if (const auto names = base_->List(path); names.ok()) {
    for (const std::string& name : *names) RemoveTree(absl::StrCat(path, "/", name));
    // The empty folder may stay where the base removes files only: no data is in it.
    base_->Remove(path).IgnoreError();
    return;
  }
  MR_CHECK(base_->Remove(path).ok());
  files_.erase(path);
}

}  // namespace millrace::testing
