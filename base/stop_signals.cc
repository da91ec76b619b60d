// SPDX-License-Identifier: Apache-2.0
#include "base/stop_signals.h"

#include <pthread.h>

#include <algorithm>

namespace millrace {
namespace {

constexpr absl::Duration kLongest = absl::Hours(1);  // an infinite one does not fit a timespec

}  // namespace

StopSignals::StopSignals() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

std::optional<int> StopSignals::Wait(absl::Duration longest) const {
  const timespec period = absl::ToTimespec(std::min(longest, kLongest));
  const int signal = sigtimedwait(&signals_, nullptr, &period);
  if (signal < 0) return std::nullopt;
  return signal;
}

int StopSignals::Await() const {
  while (true) {
    if (const std::optional<int> signal = Wait(kLongest)) return *signal;
  }
}

}  // namespace millrace
