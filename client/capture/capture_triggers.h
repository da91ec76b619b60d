// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/random.h"
#include "client/capture/capture.h"
#include "client/capture/capture_config.h"
#include "client/inference/machine_verdict.h"

namespace millrace {

/// Decides what is worth a capture: of one machine and the model that judges it, no more often by
/// one trigger than the configuration's refractory time says. Constant time. Not thread-safe.
class CaptureTriggers {
 public:
  /// `seed` decides when random captures are taken.
  CaptureTriggers(const CaptureConfig& config, uint64_t seed) : config_(config), random_(seed) {}

  /// An alarm; a score that is nearly one, or a class that is doubtful; or chance. At most one of
  /// these, the first. Of `machine`, whose rows the verdict is on. `monotonic_ns` > 0.
  std::optional<CaptureEvent> OnVerdict(const MachineVerdict& verdict, const std::string& machine,
                                        int64_t monotonic_ns);
  /// A drift that is confirmed.
  std::optional<CaptureEvent> OnDrift(const ChannelDrift& drift, const std::string& machine,
                                      int64_t monotonic_ns);

 private:
  struct Machine {
    std::array<int64_t, kCaptureTriggers> taken_ns = {};  // monotonic; 0: never
    int64_t next_random_ns = 0;
  };

  Machine& Of(const std::string& machine, int64_t monotonic_ns);
  int64_t RandomDelayNs();
  bool Pass(Machine& machine, CaptureTrigger trigger, int64_t monotonic_ns) const;
  bool IsDoubtful(const MachineVerdict& verdict) const;

  const CaptureConfig config_;
  Random random_;
  std::map<std::string, Machine> machines_;
};

/// How unlikely a verdict is, for what has to go first: a reconstruction's score as a share of its
/// threshold, one less the probability of a class.
double SurpriseOf(const MachineVerdict& verdict);

}  // namespace millrace
