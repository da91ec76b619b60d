// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace millrace {
namespace {

constexpr double kMostPatienceRows = 1 << 16;

TimeGridOptions GridOf(const MachineConfig& config) {
  TimeGridOptions options;
  options.rate_hz = config.rate_hz;
  for (const ChannelConfig& channel : config.channels) {
    options.sample_rows.push_back(config.rate_hz / channel.rate_hz);
  }
  const auto rows = [&](double seconds, double least) {
    return static_cast<int64_t>(
        std::clamp(std::ceil(seconds * config.rate_hz), least, kMostPatienceRows));
  };
  options.patience_rows = rows(config.patience_s, 1);
  options.disorder_rows = rows(config.disorder_s, 0);
  return options;
}

/// -1: none has that name.
int32_t IndexOf(const MachineConfig& config, const std::string& name) {
  const auto found = std::ranges::find(config.channels, name, &ChannelConfig::name);
  return found == config.channels.end() ? -1
                                        : static_cast<int32_t>(found - config.channels.begin());
}

}  // namespace

Machine::Machine(const MachineConfig* config, std::string name)
    : config_(config),
      name_(std::move(name)),
      grid_(GridOf(*config)),
      row_(config->channels.size()),
      judged_(config->channels.size()),
      revised_(config->channels.size()),
      window_(config) {
  for (const ChannelConfig& channel : config->channels) {
    references_.push_back(IndexOf(*config, channel.rules.reference));
  }
  ResetValidators();
  sound_row_.resize(config->channels.size());
  ResetDrift();
}

void Machine::ResetDrift() {
  if (!config_->drift) return;
  std::vector<int32_t> relearnt;
  for (int32_t i = 0; drift_ && i < drift_->channels(); ++i) {
    if (drift_->monitor(i).relearnt()) relearnt.push_back(i);
  }
  drift_.emplace(*config_->drift, static_cast<int32_t>(config_->channels.size()),
                 1 / config_->rate_hz);
  // Recordings of before the order still do not say what is normal.
  for (const int32_t channel : relearnt) drift_->monitor(channel).Relearn();
}

void Machine::ResetValidators() {
  validators_.clear();
  for (const ChannelConfig& channel : config_->channels) {
    validators_.emplace_back(channel.rules, 1 / config_->rate_hz);
  }
}

void Machine::UseInput(const InputPlan* input, InputMap map) {
  if (!window_.UseInput(input, std::move(map))) ResetDrift();  // its modes meant something else
}

void Machine::Add(int32_t channel, int64_t time_ns, float value, SampleArrival arrival) {
  last_arrived_ns_ = arrival.ns;
  grid_.Add(channel, time_ns, value, arrival);
}

void Machine::JudgeRow() {
  for (size_t i = 0; i < validators_.size(); ++i) {
    const int32_t reference = references_[i];
    // A reference that comes later in the row is judged by its flag in the row before.
    const bool usable = reference >= 0 && judged_[reference].flag <= Flag::kNotEvaluated;
    const ChannelValidator::Judged judged = validators_[i].Push(
        row_[i], usable ? row_[reference] : std::numeric_limits<float>::quiet_NaN());
    judged_[i] = judged.value;
    revised_[i] = judged.before;
  }
}

void Machine::WatchDrift() {
  drift_changes_ = {};
  if (!drift_) return;
  const ModelWindow::Mode& mode = window_.mode();
  for (size_t i = 0; i < row_.size(); ++i) {
    sound_row_[i] = mode.known && judged_[i].flag <= Flag::kNotEvaluated
                        ? row_[i]
                        : std::numeric_limits<float>::quiet_NaN();
  }
  drift_changes_ = drift_->AddRow(sound_row_, mode.cell);
}

Machine::Step Machine::Advance() {
  const std::optional<TimeGrid::Row> row = grid_.Take(row_);
  if (!row) return Step::kNone;
  row_number_ = row->number;
  restarted_ = row->restarted;
  arrived_ns_ = last_arrived_ns_;
  if (restarted_) ResetValidators();
  JudgeRow();
  const bool due = window_.Push(this->row());
  WatchDrift();
  return due ? Step::kWindow : Step::kRow;
}

}  // namespace millrace
