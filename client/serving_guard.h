// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <thread>

#include "base/steady_notification.h"
#include "client/live/live_clock.h"
#include "client/live_config.h"
#include "client/operation/latency_window.h"
#include "client/operation/training_brake.h"
#include "client/training/training_hold.h"

namespace millrace {

/// Serving comes first: watches the latency of the verdicts, on a thread of its own, and holds
/// training while it is in danger. Took is thread-safe.
class ServingGuard {
 public:
  struct Reading {
    std::optional<double> p99_ns;  // of the last seconds; none: there were no verdicts
    bool training_held = false;
  };

  /// `training` and `clock` outlive it.
  ServingGuard(const ServingConfig& config, TrainingHold* training, LiveClock* clock);
  /// Lets training go.
  ~ServingGuard();

  void Took(int64_t latency_ns) { latencies_.Add(latency_ns, clock_->MonotonicNs()); }
  Reading Read() const;

 private:
  void Run();

  TrainingHold* const training_;
  LiveClock* const clock_;
  LatencyWindow latencies_;
  TrainingBrake brake_;  // the thread's
  SteadyNotification stopped_;
  std::thread thread_;
};

}  // namespace millrace
