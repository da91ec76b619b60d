// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace millrace {

/// `status` of a call to this machine's disk, for ExitCodeOf: base/ reports most faults of a disk
/// as UNAVAILABLE, which to the operator means the coordinator. Becomes FAILED_PRECONDITION.
absl::Status LocalStatus(const absl::Status& status);

/// ReadFile with such a status.
absl::StatusOr<std::string> ReadLocalFile(FileSystem* files, const std::string& path,
                                          int64_t max_bytes);

}  // namespace millrace
