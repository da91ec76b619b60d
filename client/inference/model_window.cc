// SPDX-License-Identifier: Apache-2.0
#include "client/inference/model_window.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/data/mode_cell.h"
#include "plan/rates_and_units.h"

namespace millrace {
namespace {

bool HasSpikeRule(const ChannelRules& rules) {
  return rules.spike != ChannelRules::kNone || rules.spike_fail != ChannelRules::kNone;
}

absl::StatusOr<int32_t> ChannelNamed(const MachineConfig& config, const std::string& name) {
  const auto found = std::ranges::find(config.channels, name, &ChannelConfig::name);
  if (found == config.channels.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("model '", config.model, "' needs the channel '", name, "', which machine '",
                     config.RowsOf(0), "' has not; add a [[machine.channel]] of that name"));
  }
  return static_cast<int32_t>(found - config.channels.begin());
}

/// Whether a number stands for the same operating mode under both. A unit that only one of them
/// says makes no difference.
bool HaveSameCells(const std::vector<ModeColumn>& before, const std::vector<ModeColumn>& now) {
  return std::ranges::equal(before, now, [](const ModeColumn& a, const ModeColumn& b) {
    return !IsOtherUnit(a.unit, b.unit) && a.column == b.column && a.step == b.step &&
           a.min == b.min && a.max == b.max;
  });
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

bool ModelWindow::UseInput(const InputPlan* input, InputMap map) {
  const bool same_modes =
      input_ == nullptr ? input->modes.empty() : HaveSameCells(input_->modes, input->modes);
  const bool same = input_ != nullptr && same_modes && input_->window == input->window &&
                    map_.channels == map.channels && map_.modes == map.modes;
  input_ = input;
  if (same) return true;  // the rows at hand are just as good for it
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
  return same_modes;
}

void ModelWindow::KeepFlags(std::span<const Verdict> flags) {
  const size_t width = columns_.size();
  for (size_t i = 0; i < width; ++i) {
    Verdict& flag = flags_[flags_at_ * width + i];
    window_flags_.Replace(flag, flags[i]);
    flag = flags[i];
  }
  flags_at_ = flags_at_ + 1 == input_->window ? 0 : flags_at_ + 1;
}

void ModelWindow::Clear() {
  rows_->Clear();
  cells_->Clear();
  rows_to_next_ = 0;
  waiting_.reset();
}

void ModelWindow::Read(const MachineRow& row) {
  latest_.time_ns = row.time_ns;
  for (size_t i = 0; i < map_.channels.size(); ++i) {
    latest_.values[i] = row.values[map_.channels[i]];
  }
  for (size_t i = 0; i < columns_.size(); ++i) latest_.flags[i] = row.judged[columns_[i]];
  bool finite = true;
  bool sound = true;
  for (size_t i = 0; i < map_.modes.size(); ++i) {
    mode_row_[i] = row.values[map_.modes[i]];
    finite = finite && std::isfinite(mode_row_[i]);
    sound = sound && row.judged[map_.modes[i]].flag <= Flag::kNotEvaluated;
  }
  latest_.cell = finite ? ModeCell(input_->modes, mode_row_) : 0;
  mode_ = {latest_.cell, finite && sound};
}

bool ModelWindow::Keep(const ModelRow& row) {
  time_ns_ = row.time_ns;
  KeepFlags(row.flags);
  rows_->Push(row.values);
  cells_->Push({&row.cell, 1});
  if (--rows_to_next_ > 0 || !rows_->full()) return false;
  rows_to_next_ = config_->hop > 0 ? config_->hop : input_->window;
  return true;
}

bool ModelWindow::Push(const MachineRow& row) {
  if (input_ == nullptr) return false;
  if (row.restarted) Clear();
  Read(row);
  if (!waits_) return Keep(latest_);
  if (!waiting_) {
    waiting_ = latest_;
    return false;
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (row.revised[columns_[i]]) waiting_->flags[i] = *row.revised[columns_[i]];
  }
  std::swap(*waiting_, latest_);
  return Keep(latest_);
}

bool ModelWindow::usable() const {
  return worst() <= Flag::kSuspect && window_flags_.flagged_share() <= config_->suspect_share;
}

std::vector<FlaggedChannel> ModelWindow::Flagged() const {
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
