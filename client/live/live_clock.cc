// SPDX-License-Identifier: Apache-2.0
#include "client/live/live_clock.h"

#include <chrono>

namespace millrace {
namespace {

template <typename Clock>
int64_t NowNs() {
  return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
}

class RealLiveClock final : public LiveClock {
 public:
  int64_t UnixNs() override { return NowNs<std::chrono::system_clock>(); }
  int64_t MonotonicNs() override { return NowNs<std::chrono::steady_clock>(); }
};

}  // namespace

LiveClock* SystemLiveClock() {
  static RealLiveClock* const clock = new RealLiveClock;
  return clock;
}

}  // namespace millrace
