// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

#include "absl/time/time.h"

namespace millrace {

/// For std::condition_variable::wait_for, which unlike the waits of absl::Mutex knows nothing of
/// the machine's date: at most a year, so that the wait's end does not overflow.
inline std::chrono::nanoseconds SteadyWait(absl::Duration patience) {
  constexpr absl::Duration kLongest = absl::Hours(24 * 365);
  return absl::ToChronoNanoseconds(std::clamp(patience, absl::ZeroDuration(), kLongest));
}

}  // namespace millrace
