// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

#include "absl/time/time.h"
#include "base/clock.h"

namespace millrace::testing {

/// Stands still until a test moves it; whoever sleeps moves it by as much and returns at once.
class SimulatedClock final : public Clock {
 public:
  /// Begins at 2026-01-01 00:00:00 UTC unless told.
  explicit SimulatedClock(absl::Time now = absl::FromUnixSeconds(1767225600)) : now_(now) {}

  absl::Time Now() override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void Sleep(absl::Duration duration) override { Advance(duration); }

  void Set(absl::Time now) {
    const std::lock_guard lock(mutex_);
    now_ = now;
  }
  void Advance(absl::Duration duration) {
    const std::lock_guard lock(mutex_);
    now_ += duration;
  }

 private:
  std::mutex mutex_;
  absl::Time now_;  // guarded by mutex_
};

}  // namespace millrace::testing
