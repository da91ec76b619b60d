// SPDX-License-Identifier: Apache-2.0
// What `millrace-client install` does: a package is checked and put where the daemon finds it.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "client/release/release_policy.h"
#include "client/release/time_limits.h"
#include "millrace/v1/package.pb.h"

namespace millrace {

/// The site that a package is for.
struct StagingSite {
  std::string state_folder;
  ReleasePolicy policy;
  ServingDemands demands;
};

/// What a command leaves in the daemon's `folder` has to be the daemon's own, to read and to
/// rename. PERMISSION_DENIED, with the way out, if `folder` is somebody else's than `user`'s, or if
/// it is not there and the superuser would make it.
absl::Status CheckStateOwner(const std::string& folder, uid_t user);

/// The manifest of the package at `path`, which the daemon finds within seconds and installs. What
/// it would refuse unseen is refused here, so that the operator reads why; it checks all of it
/// again.
absl::StatusOr<v1::PackageManifest> StagePackage(FileSystem* files, const StagingSite& site,
                                                 const std::string& path, absl::Time now);

}  // namespace millrace
