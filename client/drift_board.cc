// SPDX-License-Identifier: Apache-2.0
#include "client/drift_board.h"

#include <optional>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/status.h"
#include "client/inference/relearn_order.h"
#include "millrace/internal/live_state.pb.h"

namespace millrace {
namespace {

constexpr char kDriftingFile[] = "drifting";
constexpr int64_t kMostDriftingBytes = int64_t{1} << 30;

std::string DriftingPath(const std::string& state_folder) {
  return state_folder + "/" + kDriftingFile;
}

std::string DetectorName(const std::vector<MachineConfig>& machines) {
  for (const MachineConfig& kind : machines) {
    if (!kind.drift) continue;
    switch (kind.drift->detector.kind) {
      case ShiftDetectorKind::kCusum:
        return "cusum";
      case ShiftDetectorKind::kPageHinkley:
        return "page_hinkley";
      case ShiftDetectorKind::kAdwin:
        return "adwin";
    }
  }
  return "";
}

bool IsInDrift(const ChannelDrift& drift) {
  return drift.report.state == DriftState::kSuspected ||
         drift.report.state == DriftState::kConfirmed;
}

bool LearnsByOrder(const ChannelDrift& drift) {
  return drift.report.state == DriftState::kLearning && !drift.by.empty();
}

internal::DriftingChannels::State ToProto(DriftState state) {
  switch (state) {
    case DriftState::kLearning:
      return internal::DriftingChannels::STATE_LEARNING;
    case DriftState::kSuspected:
      return internal::DriftingChannels::STATE_SUSPECTED;
    case DriftState::kConfirmed:
      return internal::DriftingChannels::STATE_CONFIRMED;
    case DriftState::kStable:
      break;  // is not written
  }
  MR_CHECK(false);
}

std::optional<DriftState> FromProto(internal::DriftingChannels::State state) {
  switch (state) {
    case internal::DriftingChannels::STATE_LEARNING:
      return DriftState::kLearning;
    case internal::DriftingChannels::STATE_SUSPECTED:
      return DriftState::kSuspected;
    case internal::DriftingChannels::STATE_CONFIRMED:
      return DriftState::kConfirmed;
    default:
      return std::nullopt;
  }
}

void PutChannel(const DriftingChannel& from, internal::DriftingChannels::Channel* channel) {
  const ChannelDrift& drift = from.drift;
  channel->set_machine(drift.machine);
  channel->set_channel(drift.channel);
  channel->set_state(ToProto(drift.report.state));
  channel->set_since_ns(from.since_ns);
  channel->set_level(drift.report.level);
  channel->set_shift(drift.report.shift);
  channel->set_ks(drift.report.ks);
  channel->set_p(drift.report.p);
  channel->set_stability_index(drift.report.stability_index);
  channel->set_recorded(drift.report.reference == DriftReference::kTraining);
  channel->set_by(drift.by);
  channel->set_note(drift.note);
}

}  // namespace

absl::StatusOr<DriftingChannels> ReadDriftingChannels(FileSystem* files,
                                                      const std::string& state_folder) {
  const std::string path = DriftingPath(state_folder);
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(files, path, kMostDriftingBytes));
  internal::DriftingChannels file;
  if (!file.ParseFromString(bytes)) {
    return absl::DataLossError(path + ": it is not as the daemon has written it");
  }
  DriftingChannels read;
  read.detector = file.detector();
  for (const internal::DriftingChannels::Channel& channel : file.channels()) {
    const std::optional<DriftState> state = FromProto(channel.state());
    if (!state) continue;
    DriftingChannel& entry = read.channels.emplace_back();
    entry.since_ns = channel.since_ns();
    entry.drift = {channel.machine(), channel.channel(), channel.since_ns(), {}, false,
                   channel.by(),      channel.note()};
    DriftReport& report = entry.drift.report;
    report.state = *state;
    report.level = channel.level();
    report.shift = channel.shift();
    report.ks = channel.ks();
    report.p = channel.p();
    report.stability_index = channel.stability_index();
    if (channel.recorded()) report.reference = DriftReference::kTraining;
  }
  return read;
}

DriftBoard::DriftBoard(const std::vector<MachineConfig>& machines, FileSystem* files,
                       std::string state_folder)
    : machines_(machines), files_(files), state_folder_(std::move(state_folder)) {}

void DriftBoard::Load() {
  const absl::StatusOr<DriftingChannels> before = ReadDriftingChannels(files_, state_folder_);
  const absl::MutexLock lock(&mutex_);
  changed_ = !DetectorName(machines_).empty();  // so that it is said that nothing drifts
  if (!before.ok()) {
    if (!absl::IsNotFound(before.status())) {
      LogError("since when channels drift is not known", {{"reason", before.status().message()}});
    }
    return;
  }
  for (const DriftingChannel& entry : before->channels) {
    RelearnOrder order;
    order.machine = entry.drift.machine;
    order.channels = {entry.drift.channel};
    if (!CheckOrder(order, machines_).ok()) continue;  // it is not watched any more
    const Key key = {entry.drift.machine, entry.drift.channel};
    if (LearnsByOrder(entry.drift)) {
      drifting_[key] = entry;
    } else {
      recalled_since_ns_[key] = entry.since_ns;
    }
  }
}

void DriftBoard::Take(const ChannelDrift& drift) {
  const absl::MutexLock lock(&mutex_);
  const Key key = {drift.machine, drift.channel};
  latest_[key] = drift;
  const auto known = drifting_.find(key);
  if (!IsInDrift(drift) && !LearnsByOrder(drift)) {
    if (known == drifting_.end()) return;
    drifting_.erase(known);
    changed_ = true;
    return;
  }
  DriftingChannel entry{drift, drift.time_ns};
  if (known != drifting_.end() && IsInDrift(known->second.drift) && IsInDrift(drift)) {
    entry.since_ns = known->second.since_ns;
  }
  if (drift.recalled) {
    const auto before = recalled_since_ns_.find(key);
    if (before != recalled_since_ns_.end()) entry.since_ns = before->second;
  }
  drifting_[key] = std::move(entry);
  changed_ = true;
}

DriftBoard::Drifts DriftBoard::Latest() const {
  const absl::MutexLock lock(&mutex_);
  return latest_;
}

void DriftBoard::Save() {
  internal::DriftingChannels file;
  file.set_detector(DetectorName(machines_));
  {
    const absl::MutexLock lock(&mutex_);
    if (!std::exchange(changed_, false)) return;
    for (const auto& [key, entry] : drifting_) PutChannel(entry, file.add_channels());
  }
  const absl::Status written =
      WriteFileDurably(files_, DriftingPath(state_folder_), file.SerializeAsString());
  const bool told = !std::exchange(saved_, written.ok());
  if (written.ok()) return;
  if (!told) LogError("not saved", {{"what", kDriftingFile}, {"error", written.message()}});
  const absl::MutexLock lock(&mutex_);
  changed_ = true;  // so that it is tried again
}

}  // namespace millrace
