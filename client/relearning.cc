// SPDX-License-Identifier: Apache-2.0
#include "client/relearning.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace millrace {

Relearning::Relearning(std::vector<MachineConfig> machines, FileSystem* files,
                       const std::string& state_folder, Follow follow)
    : machines_(std::move(machines)), folder_(files, state_folder), follow_(std::move(follow)) {}

void Relearning::Look() {
  std::vector<std::string> refused;
  absl::StatusOr<std::vector<RelearnOrder>> orders = folder_.Waiting(&refused);
  if (!orders.ok()) return;  // the disk's own trouble, of which others tell
  for (const std::string& id : refused) {
    if (!IsNewlyRefused(id)) continue;
    LogError("order cannot be followed", {{"order", id}, {"reason", "its file is damaged"}});
  }
  for (RelearnOrder& order : *orders) {
    const std::string id = order.id;
    if (handed_on_.contains(id)) continue;
    if (refused_.contains(id)) {
      refused.push_back(id);
      continue;
    }
    absl::Status status = CheckOrder(order, machines_);
    if (status.ok()) status = follow_(std::move(order));
    if (status.ok()) {
      handed_on_.insert(id);
      continue;
    }
    if (IsNewlyRefused(id)) {
      LogError("order cannot be followed", {{"order", id}, {"reason", status.message()}});
    }
    refused.push_back(id);
  }
  for (const std::string& id : refused) {
    if (folder_.Remove(id).ok()) refused_.erase(id);
  }
}

void Relearning::Followed(const RelearnOrder& order) {
  LogInfo("what is normal is learnt anew", {{"machine", order.machine},
                                            {"channels", ChannelsText(order)},
                                            {"threshold", order.threshold},
                                            {"by", order.by},
                                            {"note", order.note}});
  const absl::MutexLock lock(&mutex_);
  followed_.push_back(order.id);
}

void Relearning::Save(const std::function<bool()>& save) {
  std::vector<std::string> followed;
  {
    const absl::MutexLock lock(&mutex_);
    followed = followed_;
  }
  if (!save()) return;
  for (const std::string& id : followed) {
    const absl::Status removed = folder_.Remove(id);
    if (!removed.ok() && !absl::IsNotFound(removed)) continue;  // again with the next
    handed_on_.erase(id);
    const absl::MutexLock lock(&mutex_);
    std::erase(followed_, id);
  }
}

}  // namespace millrace
