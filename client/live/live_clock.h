// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace {

/// The two clocks of live data. Thread-safe.
class LiveClock {
 public:
  virtual ~LiveClock() = default;
  /// Unix time, which somebody may set: for samples whose source does not tell their time.
  virtual int64_t UnixNs() = 0;
  /// Nobody sets this one: for ages, periods and latencies.
  virtual int64_t MonotonicNs() = 0;
};

/// The machine's; never null, lives until the process ends.
LiveClock* SystemLiveClock();

inline constexpr int64_t kNsPerS = 1'000'000'000;

}  // namespace millrace
