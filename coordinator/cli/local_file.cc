// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/local_file.h"

namespace millrace {

absl::Status LocalStatus(const absl::Status& status) {
  return absl::IsUnavailable(status) ? absl::FailedPreconditionError(status.message()) : status;
}

absl::StatusOr<std::string> ReadLocalFile(FileSystem* files, const std::string& path,
                                          int64_t max_bytes) {
  absl::StatusOr<std::string> content = ReadFile(files, path, max_bytes);
  if (!content.ok()) return LocalStatus(content.status());
  return content;
}

}  // namespace millrace
