// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/file_system.h"
#include "client/inference/machine_config.h"
#include "client/inference/relearn_order.h"
#include "client/relearn_folder.h"

namespace millrace {

/// Has those who judge follow the orders to learn anew. An order is over once what is known since
/// is on the disk: where the daemon is killed before that, the next one follows it again. Followed
/// may be called from any thread, the rest by one at a time.
class Relearning {
 public:
  /// Hands it to who learns of this machine.
  using Follow = std::function<absl::Status(RelearnOrder order)>;

  /// `files` outlives it.
  Relearning(std::vector<MachineConfig> machines, FileSystem* files,
             const std::string& state_folder, Follow follow);

  /// To be called every few seconds. The log says of an order why it cannot be followed.
  void Look();
  /// It is followed, and whoever saves what is learnt knows of it.
  void Followed(const RelearnOrder& order);
  /// Ends what was followed before `save`, if that has everything on the disk.
  void Save(const std::function<bool()>& save);

 private:
  const std::vector<MachineConfig> machines_;
  RelearnFolder folder_;
  const Follow follow_;
  /// Whether the log has said so already, of one that a failing disk does not let go.
  bool IsNewlyRefused(const std::string& id) { return refused_.insert(id).second; }

  std::set<std::string> handed_on_;  // ids
  std::set<std::string> refused_;    // ids, that could not be removed so far

  absl::Mutex mutex_;
  std::vector<std::string> followed_ ABSL_GUARDED_BY(mutex_);  // ids, not yet on the disk
};

}  // namespace millrace
