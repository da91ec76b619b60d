// SPDX-License-Identifier: Apache-2.0
// When a refusal that will pass is worth another try, carried by the status itself.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace millrace {

/// `status` that says so, in whole milliseconds and at least one; OK stays OK.
absl::Status WithRetryAfter(absl::Status status, absl::Duration delay);

/// What it says, at most an hour; nothing if it does not, or not readably.
std::optional<absl::Duration> RetryAfter(const absl::Status& status);

}  // namespace millrace
