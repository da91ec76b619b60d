// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine_memory.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "millrace/internal/drift_state.pb.h"

namespace millrace {
namespace {

/// `since`: it has learnt from recordings for another model than the one of these bytes.
void RecallMonitor(const DriftParameters& parameters, absl::string_view bytes, bool since,
                   DriftMonitor& monitor) {
  absl::StatusOr<DriftMonitor> recalled = DriftMonitor::Parse(parameters, bytes);
  if (!recalled.ok()) return;
  const bool recorded = since && monitor.reference() == DriftReference::kTraining;
  if (!recorded || recalled->relearnt()) monitor = *std::move(recalled);
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

std::string ModelOfDrift(absl::string_view bytes) {
  internal::MachineDriftState file;
  return file.ParseFromString(std::string(bytes)) ? file.parameters_sha256() : "";
}

void RecallDrift(const DriftParameters& parameters, absl::string_view bytes,
                 const DriftMemory& memory) {
  internal::MachineDriftState file;
  if (!file.ParseFromString(std::string(bytes)) || file.modes() != memory.modes) return;
  for (const internal::MachineDriftState::Channel& channel : file.channels()) {
    const auto found = std::ranges::find(memory.channels, channel.name());
    if (found == memory.channels.end() || memory.drift == nullptr) continue;
    RecallMonitor(parameters, channel.state(), file.parameters_sha256() != memory.model_sha256,
                  memory.drift->monitor(static_cast<int32_t>(found - memory.channels.begin())));
  }
  if (memory.score == nullptr || file.parameters_sha256() != memory.model_sha256) return;
  RecallMonitor(parameters, file.score(), /*since=*/false, memory.score->monitor(0));
}

}  // namespace millrace
