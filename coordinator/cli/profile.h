// SPDX-License-Identifier: Apache-2.0
// Which coordinator, and who asks: from the command line, else the environment, else a profile.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "coordinator/cli/connection.h"

namespace millrace {

/// What the command line and the environment say; empty where they say nothing.
struct ConnectionFlags {
  std::string profile;
  std::string coordinator;
  std::string certificate;
  std::string key;
  std::string authority;
};

/// Parses a profile, a TOML file in the shape of a site's:
///   [coordinator] address   [identity] certificate, key, authority
/// Relative paths are meant from `folder`. INVALID_ARGUMENT names line and key.
absl::StatusOr<ConnectionFlags> ParseProfile(absl::string_view toml, const std::string& folder);

/// Fills what `flags` leave open from their profile. A missing setting is INVALID_ARGUMENT and
/// names all three ways to give it.
absl::StatusOr<ConnectionFlags> ResolveFlags(const ConnectionFlags& flags, FileSystem* files);

/// Fills what `flags` leave open from their profile, reads the files and checks the certificate, so
/// that one that has expired or is another role's is refused with a reason rather than by a failed
/// handshake. An authority may also be the folder that
/// `authority init` made.
absl::StatusOr<ConnectionOptions> ResolveConnection(const ConnectionFlags& flags, FileSystem* files,
                                                    absl::Time now);

}  // namespace millrace
