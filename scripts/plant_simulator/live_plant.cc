// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/live_plant.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace millrace {

absl::StatusOr<std::unique_ptr<LivePlant>> LivePlant::Create(LivePlantOptions options) {
  std::unique_ptr<LivePlant> plant(new LivePlant(std::move(options)));
  MR_RETURN_IF_ERROR(plant->Check());
  const LivePlantOptions& chosen = plant->options_;
  plant->faulty_.resize(plant->names_.size());
  for (const SensorFault& fault : chosen.sensor_faults) {
    const auto machine = std::ranges::find(plant->names_, fault.machine) - plant->names_.begin();
    const auto channel =
        std::ranges::find(plant->channels_, fault.channel) - plant->channels_.begin();
    const std::string stream = absl::StrCat("fault of ", fault.machine, "/", fault.channel);
    plant->faulty_[machine].push_back(
        {static_cast<size_t>(channel), {fault, Random(chosen.seed).Fork(stream)}});
  }
  return plant;
}

LivePlant::LivePlant(LivePlantOptions options)
    : options_(std::move(options)),
      plant_(MakePlant(options_.plant - 1, options_.seed)),
      channels_(LiveChannelNames(options_.signals, options_.bearings)),
      block_(options_.rows * channels_.size()) {
  for (int i = 1; i <= options_.machines; ++i) {
    const std::string& name = names_.emplace_back(absl::StrCat("machine-", i));
    LiveMachine::Options machine{.signals = options_.signals,
                                 .bearings = options_.bearings,
                                 .rate_hz = options_.rate_hz,
                                 .day = options_.day,
                                 .wears = {}};
    for (const Wear& wear : options_.wears) {
      if (wear.machine == name && wear.bearing <= options_.bearings) machine.wears.push_back(wear);
    }
    machines_.emplace_back(&plant_, std::move(machine),
                           Random(options_.seed).Fork(absl::StrCat(plant_.name, " live ", name)));
  }
}

absl::Status LivePlant::CheckMachine(const std::string& name) const {
  if (std::ranges::find(names_, name) != names_.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": no such machine; they are machine-1 to ", names_.back()));
}

absl::Status LivePlant::Check() const {
  for (const Wear& wear : options_.wears) {
    MR_RETURN_IF_ERROR(CheckMachine(wear.machine));
    if (wear.bearing > options_.bearings) {
      return absl::InvalidArgumentError(absl::StrCat(wear.machine, " has ", options_.bearings,
                                                     " bearings, and no ", wear.bearing));
    }
  }
  for (const SensorFault& fault : options_.sensor_faults) {
    MR_RETURN_IF_ERROR(CheckMachine(fault.machine));
    if (std::ranges::find(channels_, fault.channel) == channels_.end()) {
      return absl::InvalidArgumentError(absl::StrCat(fault.machine, " has no channel ",
                                                     fault.channel, "; it has ",
                                                     absl::StrJoin(channels_, ", ")));
    }
  }
  return absl::OkStatus();
}

std::span<const float> LivePlant::Next(size_t machine) {
  LiveMachine& running = machines_[machine];
  const double begin_s = running.time_s();
  running.Next(block_);
  for (FaultyChannel& faulty : faulty_[machine]) {
    for (int row = 0; row < options_.rows; ++row) {
      float& value = block_[row * channels_.size() + faulty.channel];
      value = faulty.sensor.Read(begin_s + (row + 1) / options_.rate_hz, value);
    }
  }
  return block_;
}

}  // namespace millrace
