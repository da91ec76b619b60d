// SPDX-License-Identifier: Apache-2.0
#include "client/relearn_folder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/name.h"
#include "base/status.h"
#include "millrace/internal/live_state.pb.h"

namespace millrace {
namespace {

constexpr absl::string_view kOrderSuffix = ".order";
constexpr int64_t kMostOrderBytes = int64_t{16} << 20;

/// Whether a file is too large or another user's.
bool IsUnreadable(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsPermissionDenied(status);
}

}  // namespace

std::string RelearnFolder::PathOf(const std::string& id) const {
  return absl::StrCat(folder_, "/", id, kOrderSuffix);
}

absl::Status RelearnFolder::Give(const RelearnOrder& order, absl::Time now) {
  MR_RETURN_IF_ERROR(CheckName("machine", order.machine));
  internal::RelearnOrder file;
  file.set_machine(order.machine);
  file.mutable_channels()->Add(order.channels.begin(), order.channels.end());
  file.set_threshold(order.threshold);
  file.set_by(order.by);
  file.set_note(order.note);
  if (!files_->Exists(folder_)) {
    MR_RETURN_IF_ERROR(files_->CreateDirectories(folder_));
    MR_RETURN_IF_ERROR(files_->SyncDirectory(DirectoryOf(folder_)));
  }
  // In the order of time, by their names.
  const std::string id = absl::StrFormat("%019d-%s", absl::ToUnixNanos(now), order.machine);
  return WriteFileDurably(files_, PathOf(id), file.SerializeAsString());
}

absl::StatusOr<std::vector<RelearnOrder>> RelearnFolder::Waiting(
    std::vector<std::string>* damaged) const {
  std::vector<RelearnOrder> orders;
  if (!files_->Exists(folder_)) return orders;
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_->List(folder_));
  for (absl::string_view name : names) {
    if (!absl::ConsumeSuffix(&name, kOrderSuffix)) continue;
    RelearnOrder order;
    order.id = std::string(name);
    const absl::StatusOr<std::string> bytes = ReadFile(files_, PathOf(order.id), kMostOrderBytes);
    if (absl::IsNotFound(bytes.status())) continue;  // it was followed meanwhile
    // A disk that fails for the moment is no reason to take an order for lost.
    if (!bytes.ok() && !IsUnreadable(bytes.status())) return bytes.status();
    internal::RelearnOrder file;
    if (!bytes.ok() || !file.ParseFromString(*bytes)) {
      if (damaged != nullptr) damaged->push_back(std::move(order.id));
      continue;
    }
    order.machine = file.machine();
    order.channels.assign(file.channels().begin(), file.channels().end());
    order.threshold = file.threshold();
    order.by = file.by();
    order.note = file.note();
    orders.push_back(std::move(order));
  }
  return orders;
}

absl::Status RelearnFolder::Remove(const std::string& id) {
  MR_RETURN_IF_ERROR(files_->Remove(PathOf(id)));
  return files_->SyncDirectory(folder_);
}

}  // namespace millrace
