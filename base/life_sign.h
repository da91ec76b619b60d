// SPDX-License-Identifier: Apache-2.0
// How a daemon shows its watchdog (base/service_manager.h) that its threads go on.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace millrace {

/// Beats while a thread goes on, also where it has good reason to wait. Thread-safe.
class Heartbeat {
 public:
  void Beat() { beats_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t beats() const { return beats_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> beats_ = 0;
};

/// Says when the watchdog is to be told that all is well. Threads are looked at by the number of
/// their beats, not by the time of the last one: clocks are set. Not thread-safe.
class LifeSign {
 public:
  /// Once in a `period`, and not before each of `threads` has beaten since it was told last.
  /// They outlive the object.
  explicit LifeSign(absl::Duration period, std::vector<const Heartbeat*> threads = {});

  /// Whether to tell it now; if so it counts as told.
  bool Due(absl::Time now);

 private:
  struct Watched {
    const Heartbeat* heart;
    uint64_t told_at;  // its beats then
  };

  const absl::Duration period_;
  std::vector<Watched> threads_;
  absl::Time told_ = absl::InfinitePast();
};

}  // namespace millrace
