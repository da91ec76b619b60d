// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine_memory.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/inference/rows_learnt_from.h"
#include "millrace/internal/drift_state.pb.h"
#include "millrace/internal/threshold.pb.h"

namespace millrace {
namespace {

void RecallMonitor(const DriftParameters& parameters, absl::string_view bytes,
                   DriftMonitor& monitor) {
  absl::StatusOr<DriftMonitor> recalled = DriftMonitor::Parse(parameters, bytes);
  if (recalled.ok()) monitor = *std::move(recalled);
}

bool IsOneOf(const std::string& name, const std::vector<std::string>& names) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

std::string TextOfModes(const std::vector<ModeColumn>& modes) {
  std::string text;
  for (const ModeColumn& mode : modes) {
    absl::StrAppend(&text, mode.column, " ", mode.step, " ", mode.min, " ", mode.max, "\n");
  }
  return text;
}

std::string SaveThreshold(const MachineThreshold& threshold, const MachineConfig& kind,
                          const InputPlan& input) {
  std::string bytes = threshold.Serialize();
  if (bytes.empty()) return bytes;
  const internal::RowsLearntFrom all = RowsNow(kind);
  const std::vector<InputColumn> inputs = input.Columns();
  internal::LearntThreshold with;
  with.mutable_rows()->set_rate_hz(all.rate_hz());
  for (const internal::RowsLearntFrom::Column& column : all.columns()) {
    if (std::ranges::find(inputs, column.name(), &InputColumn::name) == inputs.end()) continue;
    *with.mutable_rows()->add_columns() = column;
  }
  // Messages that stand one behind the other are read as one that has the fields of both.
  with.AppendToString(&bytes);
  return bytes;
}

bool ThresholdHolds(absl::string_view bytes, const MachineConfig& kind) {
  internal::LearntThreshold file;
  if (!file.ParseFromString(std::string(bytes))) return true;  // whoever restores it looks at that
  return !HaveOtherRate(file.rows(), kind) && ColumnsOfOtherUnit(file.rows(), kind).empty();
}

std::string SaveDrift(const DriftMemory& memory) {
  internal::MachineDriftState file;
  file.set_modes(memory.modes);
  for (const std::string& column : memory.mode_columns) file.add_mode_columns(column);
  if (memory.kind != nullptr) *file.mutable_rows() = RowsNow(*memory.kind);
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

std::string DriftThatHolds(absl::string_view bytes, const MachineConfig& kind) {
  internal::MachineDriftState file;
  if (!file.ParseFromString(std::string(bytes))) return std::string(bytes);
  const std::vector<std::string> others = ColumnsOfOtherUnit(file.rows(), kind);
  const bool other_modes = std::ranges::any_of(
      file.mode_columns(), [&](const std::string& column) { return IsOneOf(column, others); });
  if (other_modes || HaveOtherRate(file.rows(), kind)) return "";
  if (others.empty()) return std::string(bytes);
  internal::MachineDriftState left;
  left.set_modes(file.modes());
  for (internal::MachineDriftState::Channel& channel : *file.mutable_channels()) {
    if (!IsOneOf(channel.name(), others)) *left.add_channels() = std::move(channel);
  }
  return left.SerializeAsString();  // without the model: what the site has recorded since counts
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
