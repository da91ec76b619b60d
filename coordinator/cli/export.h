// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "coordinator/cli/connection.h"
#include "models/package.h"

namespace millrace {

struct Exported {
  ModelPackage package;
  int64_t bytes = 0;
};

/// Streams a version's package into `path`.tmp, checks it, makes it durable and only then gives it
/// its name: a file of that name is whole and sound, whatever happens in between. What cannot be
/// finished is removed. `on_progress` is told the bytes so far.
absl::StatusOr<Exported> ExportModel(Connection* connection, FileSystem* files,
                                     const std::string& run, int64_t version,
                                     const std::string& path,
                                     const std::function<void(int64_t)>& on_progress);

}  // namespace millrace
