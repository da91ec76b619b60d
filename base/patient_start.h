// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace millrace {

/// Calls `start` until it succeeds, or fails with what does not pass by itself: a disk that is full
/// or read-only does (RESOURCE_EXHAUSTED), and what says when to come back (RetryAfter). The reason
/// is logged once. `pause` waits that long; false: the process is to end, and so does this, with
/// CANCELLED.
absl::Status StartPatiently(const std::function<absl::Status()>& start,
                            const std::function<bool(absl::Duration)>& pause);

}  // namespace millrace
