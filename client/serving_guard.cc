// SPDX-License-Identifier: Apache-2.0
#include "client/serving_guard.h"

#include "absl/time/time.h"
#include "base/log.h"

namespace millrace {
namespace {

constexpr absl::Duration kLookAtLatency = absl::Milliseconds(250);
constexpr double kWatchedShare = 0.99;
constexpr double kNsPerMsOfLatency = 1e6;

}  // namespace

ServingGuard::ServingGuard(const ServingConfig& config, TrainingHold* training, LiveClock* clock)
    : training_(training),
      clock_(clock),
      brake_({.budget_ns = static_cast<int64_t>(config.budget_p99_ms * kNsPerMsOfLatency)}) {
  if (config.budget_p99_ms > 0) thread_ = std::thread([this] { Run(); });
}

ServingGuard::~ServingGuard() {
  stopped_.Notify();
  if (thread_.joinable()) thread_.join();
  training_->Hold(false);
}

ServingGuard::Reading ServingGuard::Read() const {
  return {latencies_.Quantile(kWatchedShare, clock_->MonotonicNs()), training_->held()};
}

void ServingGuard::Run() {
  while (!stopped_.WaitForNotificationWithTimeout(kLookAtLatency)) {
    const int64_t now_ns = clock_->MonotonicNs();
    const std::optional<double> p99_ns = latencies_.Quantile(kWatchedShare, now_ns);
    const bool hold = brake_.Decide(p99_ns, now_ns);
    if (hold == training_->held()) continue;
    training_->Hold(hold);
    const double p99_ms = p99_ns.value_or(0) / kNsPerMsOfLatency;
    if (hold) {
      LogWarning("training stands still for the sake of the verdicts", {{"p99_ms", p99_ms}});
    } else {
      LogInfo("training goes on", {{"p99_ms", p99_ms}});
    }
  }
}

}  // namespace millrace
