// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/file_system.h"

namespace millrace {

struct BackupReport {
  int64_t runs = 0;
  int64_t models = 0;               // parameters and optimisers' states
  int64_t bytes = 0;                // of them
  std::vector<std::string> losses;  // what is damaged or missing where it was copied from
};

/// Copies a coordinator's state folder, also while it runs, to the folder `to`, which must not be
/// there: the store as it is at one moment, and every model that its runs keep, each compared with
/// its digest. Updates of open rounds are left out. `to` appears whole or not at all.
/// ALREADY_EXISTS and NOT_FOUND name the folder.
absl::StatusOr<BackupReport> Backup(FileSystem* files, const std::string& from,
                                    const std::string& to, absl::Time now);

/// Makes a state folder from a backup, for a coordinator to start on. `to` must be absent or empty.
/// Open rounds are given up, and what sites still have of what came after the backup will count for
/// nothing (RunRestored). Of the revocation list it is said that it may be out of date.
absl::StatusOr<BackupReport> Restore(FileSystem* files, const std::string& from,
                                     const std::string& to, absl::Time now);

}  // namespace millrace
