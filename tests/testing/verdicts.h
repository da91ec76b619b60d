// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "client/inference/machine_config.h"
#include "client/inference/machine_verdict.h"
#include "client/live/live_clock.h"

namespace millrace::testing {

/// Stands still until it is told. Thread-safe.
class ManualLiveClock : public LiveClock {
 public:
  int64_t UnixNs() override { return 1'700'000'000 * kNsPerS + now_ns; }
  int64_t MonotonicNs() override { return now_ns; }

  std::atomic<int64_t> now_ns = kNsPerS;
};

inline MachineConfig JudgedMachines(std::vector<std::string> names) {
  MachineConfig config;
  config.names = std::move(names);
  config.model = "pumps";
  config.rate_hz = 1;
  return config;
}

inline MachineVerdict VerdictOn(const std::string& machine, Judgement judgement,
                                double score = 0.5) {
  MachineVerdict verdict;
  verdict.machine = machine;
  verdict.time_ns = 1'700'000'003 * kNsPerS;
  verdict.judgement = judgement;
  verdict.model = "pumps";
  verdict.version = 70'000;
  verdict.score = score;
  verdict.threshold = 1.25;
  verdict.quality = Flag::kPass;
  verdict.latency_ns = 2'500'000;
  if (judgement == Judgement::kAlarm) {
    verdict.shares = {{"current", 0.75}, {"speed", 0.25}};
    verdict.explained_ns = verdict.time_ns;
  }
  return verdict;
}

}  // namespace millrace::testing
