// SPDX-License-Identifier: Apache-2.0
#include "base/steady_clock.h"

#include <ctime>

#include "absl/time/clock.h"
#include "base/check.h"

namespace millrace {
namespace {

class BootTimeClock final : public Clock {
 public:
  absl::Time Now() override {
    timespec now{};
    MR_CHECK(::clock_gettime(CLOCK_BOOTTIME, &now) == 0);
    return absl::TimeFromTimespec(now);
  }
  void Sleep(absl::Duration duration) override { absl::SleepFor(duration); }
};

}  // namespace

Clock* SteadyClock() {
  static BootTimeClock* const clock = new BootTimeClock;
  return clock;
}

}  // namespace millrace
