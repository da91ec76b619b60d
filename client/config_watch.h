// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/config.h"

namespace millrace {

/// A site's file while the daemon runs. Not thread-safe.
class ConfigWatch {
 public:
  /// The file as it is now is the one that is in use.
  explicit ConfigWatch(std::string path);

  /// What the file says if it has changed since the last call; none if it has not, or cannot be
  /// read at the moment. An error is what is wrong with what it says.
  std::optional<absl::StatusOr<SiteConfig>> Changed();

 private:
  const std::string path_;
  std::string text_;
};

}  // namespace millrace
