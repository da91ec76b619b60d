// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "client/inference/relearn_order.h"

namespace millrace {

/// Orders to learn anew between who gives them and the daemon that follows them: a file each, in a
/// folder of the state folder. Each uses an object of its own. Not thread-safe.
class RelearnFolder {
 public:
  /// `files` outlives it.
  RelearnFolder(FileSystem* files, const std::string& state_folder)
      : files_(files), folder_(state_folder + "/relearn") {}

  /// Durable when this succeeds: a daemon that is down finds it at its next start.
  /// INVALID_ARGUMENT for a machine's name that is none.
  absl::Status Give(const RelearnOrder& order, absl::Time now);
  /// Those that wait, as they were given. What is damaged is passed over, and its id put into
  /// `*damaged`, if that is given.
  absl::StatusOr<std::vector<RelearnOrder>> Waiting(
      std::vector<std::string>* damaged = nullptr) const;
  /// Durably. It is followed, or cannot be.
  absl::Status Remove(const std::string& id);

 private:
  std::string PathOf(const std::string& id) const;

  FileSystem* const files_;
  const std::string folder_;
};

}  // namespace millrace
