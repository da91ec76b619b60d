// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scripts/plant_simulator/broker_feed.h"
#include "scripts/plant_simulator/live_plant.h"

namespace millrace {

struct LiveOptions {
  LivePlantOptions plant;
  double seconds = 0;  // simulated; 0: until it is stopped
  double speed = 1;    // simulated seconds in a second; 0: as fast as it goes
  bool mqtt = false;
  BrokerFeed::Options broker;
  int modbus_port = -1;  // 0: a free one; -1: none
  std::string folder;    // of tables; empty: none
};

struct LiveReport {
  int64_t channels = 0;  // of all machines
  int64_t samples = 0;
  int64_t lost_blocks = 0;
  double seconds = 0;      // of the wall clock
  double cpu_seconds = 0;  // of the process
  double behind_s = 0;     // at the worst
};

/// Runs the plant into its feeds, printing on standard output what happens when: where it listens,
/// defects, failures, faults of sensors. Row r has the time of the start + r / rate_hz, in
/// simulated seconds. `stopped` waits so long and says whether to end.
absl::StatusOr<LiveReport> RunLive(const LiveOptions& options,
                                   const std::function<bool(absl::Duration)>& stopped);

}  // namespace millrace
