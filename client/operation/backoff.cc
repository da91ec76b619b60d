// SPDX-License-Identifier: Apache-2.0
#include "client/operation/backoff.h"

#include <algorithm>

namespace millrace {

absl::Duration Backoff(const BackoffOptions& options, int failures, Random& random) {
  constexpr int kMaxDoublings = 30;
  const int doublings = std::clamp(failures - 1, 0, kMaxDoublings);
  const absl::Duration full =
      std::min(options.longest, options.first * static_cast<int64_t>(int64_t{1} << doublings));
  return full * (0.5 + 0.5 * random.Uniform());
}

}  // namespace millrace
