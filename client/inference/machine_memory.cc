// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine_memory.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "millrace/internal/drift_state.pb.h"

namespace millrace {
namespace {

void RecallMonitor(const DriftParameters& parameters, absl::string_view bytes,
                   DriftMonitor& monitor) {
  absl::StatusOr<DriftMonitor> recalled = DriftMonitor::Parse(parameters, bytes);
  if (recalled.ok()) monitor = *std::move(recalled);
}

}  // namespace

std::string TextOfModes(const std::vector<ModeColumn>& modes) {
  std::string text;
  for (const ModeColumn& mode : modes) {
    absl::StrAppend(&text, mode.column, " ", mode.step, " ", mode.min, " ", mode.max, "\n");
  }
  return text;
}

std::string SaveDrift(const DriftMemory& memory) {
  internal::MachineDriftState file;
  file.set_modes(memory.modes);
  for (size_t i = 0; memory.drift != nullptr && i < memory.channels.size(); ++i) {
    internal::MachineDriftState::Channel* const channel = file.add_channels();
    channel->set_name(memory.channels[i]);
    channel->set_state(memory.drift->monitor(static_cast<int32_t>(i)).Serialize());
  }
  if (memory.score != nullptr) {
    file.set_score(memory.score->monitor(0).Serialize());
    file.set_parameters_sha256(memory.model_sha256);
  }
  return file.SerializeAsString();
}

DriftOrigin OriginOfDrift(absl::string_view bytes) {
  DriftOrigin origin;
  internal::MachineDriftState file;
  if (!file.ParseFromString(std::string(bytes))) return origin;
  origin.model_sha256 = file.parameters_sha256();
  for (const internal::MachineDriftState::Channel& channel : file.channels()) {
    internal::DriftState state;
    if (state.ParseFromString(channel.state()) && state.relearnt()) {
      origin.relearnt.insert(channel.name());
    }
  }
  return origin;
}

void RecallDrift(const DriftParameters& parameters, absl::string_view bytes,
                 const DriftMemory& memory) {
  internal::MachineDriftState file;
  if (!file.ParseFromString(std::string(bytes)) || file.modes() != memory.modes) return;
  for (const internal::MachineDriftState::Channel& channel : file.channels()) {
    const auto found = std::ranges::find(memory.channels, channel.name());
    if (found == memory.channels.end() || memory.drift == nullptr) continue;
    DriftMonitor& monitor =
        memory.drift->monitor(static_cast<int32_t>(found - memory.channels.begin()));
    const bool learnt_since = monitor.reference() == DriftReference::kTraining &&
                              file.parameters_sha256() != memory.model_sha256;
    if (!learnt_since) RecallMonitor(parameters, channel.state(), monitor);
  }
  if (memory.score == nullptr || file.parameters_sha256() != memory.model_sha256) return;
  RecallMonitor(parameters, file.score(), memory.score->monitor(0));
}

}  // namespace millrace
