// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/time/time.h"

namespace millrace {

/// Where the time comes from. Thread-safe. Tests pass testing/simulated_clock.h.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Wall-clock time.
  virtual absl::Time Now() = 0;
  /// Blocks the calling thread.
  virtual void Sleep(absl::Duration duration) = 0;
};

/// The machine's clock; never null, lives until the process ends.
Clock* SystemClock();

}  // namespace millrace
