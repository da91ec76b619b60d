// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/file_system.h"

namespace millrace {

struct EnrollOptions {
  std::string coordinator;  // host:port
  std::string token;
  std::string folder;  // gets site.key, site.crt, authority.crt and, if missing, site.toml
  absl::Duration patience = absl::InfiniteDuration();  // for the approval
  std::string proxy;  // http://[user:password@]host:port for CONNECT; empty: the environment's
};

/// Makes a site's key, asks for its certificate and waits for it. The key stays in the folder:
/// called again after a crash with the same token it goes on where it was. `say` gets lines for the
/// person who waits. PERMISSION_DENIED when the token or the request is refused or the coordinator
/// is not the token's; ALREADY_EXISTS where a certificate is; INVALID_ARGUMENT for a proxy's
/// address that is none; DEADLINE_EXCEEDED once patience ends.
absl::Status Enroll(const EnrollOptions& options, FileSystem* files, Clock* clock,
                    const std::function<void(const std::string&)>& say);

}  // namespace millrace
