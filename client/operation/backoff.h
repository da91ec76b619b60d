// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/time/time.h"
#include "base/random.h"

namespace millrace {

struct BackoffOptions {
  absl::Duration first = absl::Milliseconds(250);
  absl::Duration longest = absl::Seconds(30);
};

/// How long to wait before the next try after `failures` >= 1 in a row: uniform between half of and
/// the whole of first * 2^(failures - 1), at most `longest`, so that sites that lost their
/// coordinator together do not come back together.
absl::Duration Backoff(const BackoffOptions& options, int failures, Random& random);

}  // namespace millrace
