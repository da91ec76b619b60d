// SPDX-License-Identifier: Apache-2.0
// Early return on error, and the few helpers that make an error name its object.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// `status` with `prefix: ` before its message; OK stays OK. Code and payloads are kept.
absl::Status Annotate(const absl::Status& status, absl::string_view prefix);

/// The status for `error` (an errno value), its message "`what`: <text of errno>".
/// ENOSPC, EDQUOT, EFBIG and EROFS become RESOURCE_EXHAUSTED, ENOENT becomes NOT_FOUND, EEXIST
/// becomes ALREADY_EXISTS, EACCES and EPERM become PERMISSION_DENIED; the rest UNAVAILABLE.
absl::Status ErrnoStatus(int error, absl::string_view what);

}  // namespace millrace

#define MR_CONCAT_INNER(a, b) a##b
#define MR_CONCAT(a, b) MR_CONCAT_INNER(a, b)

#define MR_RETURN_IF_ERROR(expression)                            \
  do {                                                            \
    if (absl::Status mr_status = (expression); !mr_status.ok()) { \
      return mr_status;                                           \
    }                                                             \
  } while (false)

#define MR_ASSIGN_OR_RETURN_IMPL(result, target, expression) \
  auto result = (expression);                                \
  if (!result.ok()) return std::move(result).status();       \
  target = *std::move(result)

#define MR_ASSIGN_OR_RETURN(target, expression) \
  MR_ASSIGN_OR_RETURN_IMPL(MR_CONCAT(mr_result_, __LINE__), target, expression)
