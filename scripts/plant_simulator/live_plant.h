// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "scripts/plant_simulator/live_machine.h"
#include "scripts/plant_simulator/plant.h"
#include "scripts/plant_simulator/sensor_fault.h"
#include "scripts/plant_simulator/wear.h"

namespace millrace {

struct LivePlantOptions {
  int plant = 1;  // which one, 1-based: MakePlant's
  int machines = 10;
  int bearings = 8;  // of each machine
  LiveSignals signals = LiveSignals::kConditions;
  double rate_hz = 10;
  int rows = 1;  // of a block
  uint64_t seed = 1;
  int day = 1;  // the same machines, another day: other regimes and noise
  std::vector<Wear> wears;
  std::vector<SensorFault> sensor_faults;
};

/// The machines of a plant while they run, block by block. Each machine has random numbers of its
/// own, so that others beside it change nothing. Not thread-safe.
class LivePlant {
 public:
  /// INVALID_ARGUMENT names the machine, bearing or channel that there is not.
  static absl::StatusOr<std::unique_ptr<LivePlant>> Create(LivePlantOptions options);

  /// "machine-1", ...
  const std::vector<std::string>& machines() const { return names_; }
  const std::vector<std::string>& channels() const { return channels_; }

  /// The next block of a machine, [rows, channels], as its sensors tell it: NaN where one says
  /// nothing. Valid until the next call.
  std::span<const float> Next(size_t machine);

  bool failed(size_t machine) const { return machines_[machine].failed(); }

 private:
  explicit LivePlant(LivePlantOptions options);
  absl::Status Check() const;
  absl::Status CheckMachine(const std::string& name) const;

  const LivePlantOptions options_;
  const Plant plant_;
  std::vector<std::string> names_;
  std::vector<std::string> channels_;
  std::vector<LiveMachine> machines_;
  struct FaultyChannel {
    size_t channel = 0;
    FaultySensor sensor;
  };
  std::vector<std::vector<FaultyChannel>> faulty_;  // by machine
  std::vector<float> block_;
};

}  // namespace millrace
