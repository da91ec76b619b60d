// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "client/data/mode_cell.h"

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

bool HasSpikeRule(const ChannelRules& rules) {
  return rules.spike != ChannelRules::kNone || rules.spike_fail != ChannelRules::kNone;
}

absl::StatusOr<int32_t> ChannelNamed(const MachineConfig& config, const std::string& name) {
  const int32_t index = IndexOf(config, name);
  if (index < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("model '", config.model, "' needs the channel '", name, "', which machine '",
                     config.names.front(), "' has not; add a [[machine.channel]] of that name"));
  }
  return index;
}

}  // namespace

absl::StatusOr<InputMap> InputMap::Of(const InputPlan& input, const MachineConfig& machine) {
  InputMap map;
  for (const std::string& name : input.channels) {
    MR_ASSIGN_OR_RETURN(map.channels.emplace_back(), ChannelNamed(machine, name));
  }
  for (const ModeColumn& mode : input.modes) {
    MR_ASSIGN_OR_RETURN(map.modes.emplace_back(), ChannelNamed(machine, mode.column));
  }
  return map;
}

Machine::Machine(const MachineConfig* config, std::string name)
    : config_(config),
      name_(std::move(name)),
      grid_(GridOf(*config)),
      row_(config->channels.size()),
      judged_(config->channels.size()),
      revised_(config->channels.size()) {
  for (const ChannelConfig& channel : config->channels) {
    references_.push_back(IndexOf(*config, channel.rules.reference));
  }
  ResetValidators();
  sound_row_.resize(config->channels.size());
  ResetDrift();
}

void Machine::ResetDrift() {
  if (!config_->drift) return;
  drift_.emplace(*config_->drift, static_cast<int32_t>(config_->channels.size()),
                 1 / config_->rate_hz);
}

void Machine::ResetValidators() {
  validators_.clear();
  for (const ChannelConfig& channel : config_->channels) {
    validators_.emplace_back(channel.rules, 1 / config_->rate_hz);
  }
}

void Machine::UseInput(const InputPlan* input, InputMap map) {
  const bool same_modes = input_ == nullptr ? input->modes.empty() : input_->modes == input->modes;
  const bool same = input_ != nullptr && same_modes && input_->window == input->window &&
                    map_.channels == map.channels && map_.modes == map.modes;
  if (!same_modes) ResetDrift();  // its modes meant something else
  input_ = input;
  if (same) return;  // the rows at hand are just as good for it
  map_ = std::move(map);
  std::set<int32_t> columns(map_.channels.begin(), map_.channels.end());
  columns.insert(map_.modes.begin(), map_.modes.end());
  columns_.assign(columns.begin(), columns.end());
  rows_.emplace(input->window, static_cast<int64_t>(map_.channels.size()));
  cells_.emplace(input->window, 1);
  mode_row_.resize(map_.modes.size());
  latest_.values.resize(map_.channels.size());
  latest_.flags.resize(columns_.size());
  waits_ = std::ranges::any_of(
      columns_, [&](int32_t column) { return HasSpikeRule(config_->channels[column].rules); });
  waiting_.reset();
  flags_.assign(input->window * columns_.size(), Verdict{});
  window_flags_ = {};
  for (const Verdict& flag : flags_) window_flags_.Add(flag);
  flags_at_ = rows_to_next_ = 0;
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

void Machine::KeepFlags(std::span<const Verdict> flags) {
  const size_t width = columns_.size();
  for (size_t i = 0; i < width; ++i) {
    Verdict& flag = flags_[flags_at_ * width + i];
    window_flags_.Replace(flag, flags[i]);
    flag = flags[i];
  }
  flags_at_ = flags_at_ + 1 == input_->window ? 0 : flags_at_ + 1;
}

void Machine::WatchDrift(int32_t cell, bool known) {
  drift_changes_ = {};
  if (!drift_) return;
  for (size_t i = 0; i < row_.size(); ++i) {
    sound_row_[i] = known && judged_[i].flag <= Flag::kNotEvaluated
                        ? row_[i]
                        : std::numeric_limits<float>::quiet_NaN();
  }
  drift_changes_ = drift_->AddRow(sound_row_, cell);
}

void Machine::ReadLatest() {
  latest_.number = row_number_;
  for (size_t i = 0; i < map_.channels.size(); ++i) latest_.values[i] = row_[map_.channels[i]];
  for (size_t i = 0; i < columns_.size(); ++i) latest_.flags[i] = judged_[columns_[i]];
  bool finite = true;
  bool sound = true;
  for (size_t i = 0; i < map_.modes.size(); ++i) {
    mode_row_[i] = row_[map_.modes[i]];
    finite = finite && std::isfinite(mode_row_[i]);
    sound = sound && judged_[map_.modes[i]].flag <= Flag::kNotEvaluated;
  }
  latest_.cell = finite ? ModeCell(input_->modes, mode_row_) : 0;
  WatchDrift(latest_.cell, finite && sound);
}

bool Machine::Push(const ModelRow& row) {
  window_row_ = row.number;
  KeepFlags(row.flags);
  rows_->Push(row.values);
  cells_->Push({&row.cell, 1});
  if (--rows_to_next_ > 0 || !rows_->full()) return false;
  rows_to_next_ = config_->hop > 0 ? config_->hop : input_->window;
  return true;
}

Machine::Step Machine::Advance() {
  const std::optional<TimeGrid::Row> row = grid_.Take(row_);
  if (!row) return Step::kNone;
  row_number_ = row->number;
  arrived_ns_ = last_arrived_ns_;
  if (row->restarted) ResetValidators();
  JudgeRow();
  if (input_ == nullptr) {
    WatchDrift(/*cell=*/0, /*known=*/true);
    return Step::kRow;
  }
  if (row->restarted) {
    rows_->Clear();
    cells_->Clear();
    rows_to_next_ = 0;
    waiting_.reset();
  }
  ReadLatest();
  if (!waits_) return Push(latest_) ? Step::kWindow : Step::kRow;
  if (!waiting_) {
    waiting_ = latest_;
    return Step::kRow;
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (revised_[columns_[i]]) waiting_->flags[i] = *revised_[columns_[i]];
  }
  std::swap(*waiting_, latest_);
  return Push(latest_) ? Step::kWindow : Step::kRow;
}

bool Machine::usable() const {
  return worst() <= Flag::kSuspect && window_flags_.flagged_share() <= config_->suspect_share;
}

std::vector<FlaggedChannel> Machine::Flagged() const {
  std::vector<FlaggedChannel> flagged;
  const size_t width = columns_.size();
  for (size_t i = 0; i < width; ++i) {
    FlaggedChannel channel;
    int64_t count = 0;
    for (size_t at = i; at < flags_.size(); at += width) {
      channel.worst = Worst(channel.worst, flags_[at]);
      count += flags_[at].flag >= Flag::kSuspect;
    }
    if (count == 0) continue;
    channel.name = config_->channels[columns_[i]].name;
    channel.share = static_cast<double>(count) / static_cast<double>(flags_.size() / width);
    flagged.push_back(std::move(channel));
  }
  return flagged;
}

}  // namespace millrace
