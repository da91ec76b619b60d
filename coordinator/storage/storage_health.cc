// SPDX-License-Identifier: Apache-2.0
#include "coordinator/storage/storage_health.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/retry_after.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr int64_t kMegabyte = 1 << 20;
constexpr size_t kTrialBytes = 4096;  // a block, so that the trial needs space of its own

}  // namespace

StorageHealth::StorageHealth(FileSystem* disk, std::string folder, int64_t min_free_bytes)
    : disk_(disk),
      folder_(std::move(folder)),
      min_free_bytes_(min_free_bytes),
      watched_(disk, [this](const absl::Status& fault) { Note(fault); }) {}

void StorageHealth::Note(const absl::Status& status) {
  if (!absl::IsResourceExhausted(status)) return;
  bool first = false;
  {
    absl::MutexLock lock(&mutex_);
    ++faults_;
    first = fault_.empty();
    if (first) {
      fault_ = std::string(status.message());
      next_try_ = absl::InfinitePast();  // it may have been this one write
    }
  }
  if (first) LogError("storage takes nothing new", {{"reason", status.message()}});
}

absl::Status StorageHealth::Check() const {
  absl::MutexLock lock(&mutex_);
  const std::string& reason = fault_.empty() ? shortage_ : fault_;
  if (reason.empty()) return absl::OkStatus();
  return WithRetryAfter(absl::ResourceExhaustedError(absl::StrCat(
                            "the coordinator's storage takes nothing new: ", reason,
                            "; it is tried again every ", absl::FormatDuration(kRetryAfter))),
                        kRetryAfter);
}

absl::Time StorageHealth::Probe(absl::Time now) {
  bool faulty = false;
  {
    absl::MutexLock lock(&mutex_);
    if (now < next_try_) return NextCall();
    next_try_ = now + kRetryAfter;
    faulty = !fault_.empty();
  }
  const absl::StatusOr<int64_t> free = disk_->FreeBytes(folder_);
  const absl::Status written = faulty ? TryToWrite() : absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  if (free.ok()) free_bytes_ = *free;
  const bool short_before = !shortage_.empty();
  shortage_.clear();
  if (free.ok() && *free < min_free_bytes_) {
    shortage_ =
        absl::StrCat(folder_, ": ", *free / kMegabyte,
                     " MiB are free, [storage] min_free_mb = ", min_free_bytes_ / kMegabyte);
  }
  if (short_before != !shortage_.empty()) {
    if (short_before) {
      LogInfo("storage has enough free space again", {{"free_bytes", free_bytes_}});
    } else {
      LogWarning("storage takes nothing new", {{"reason", shortage_}});
    }
  }
  if (!written.ok()) {
    ++faults_;
    fault_ = std::string(written.message());
  } else if (faulty) {
    fault_.clear();
    LogInfo("storage can be written again", {{"folder", folder_}});
  }
  return NextCall();
}

absl::Time StorageHealth::NextCall() const {
  return fault_.empty() && shortage_.empty() ? absl::InfiniteFuture() : next_try_;
}

absl::Status StorageHealth::TryToWrite() {
  const std::string path = absl::StrCat(folder_, "/trial");
  MR_RETURN_IF_ERROR(WriteFileDurably(disk_, path, std::string(kTrialBytes, '\0')));
  return disk_->Remove(path);
}

StorageHealth::Reading StorageHealth::Read() const {
  absl::MutexLock lock(&mutex_);
  return {fault_.empty() && shortage_.empty(), fault_.empty() ? shortage_ : fault_, free_bytes_,
          faults_};
}

}  // namespace millrace
