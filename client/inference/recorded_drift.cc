// SPDX-License-Identifier: Apache-2.0
#include "client/inference/recorded_drift.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <string>

#include "client/data/mode_cell.h"
#include "client/drift/machine_seconds.h"
#include "plan/rates_and_units.h"

namespace millrace {
namespace {

/// Seconds of a stream whose length nobody knows, evenly spread over it: at least `least` of more,
/// and less than twice as many.
class EvenSeconds {
 public:
  void Add(const FeatureValues& second, int64_t least) {
    if (seen_++ % every_ != 0) return;
    seconds_.push_back(second);
    if (std::ssize(seconds_) < 2 * least) return;
    for (size_t i = 0; 2 * i < seconds_.size(); ++i) seconds_[i] = seconds_[2 * i];
    seconds_.resize((seconds_.size() + 1) / 2);
    every_ *= 2;
  }
  const std::vector<FeatureValues>& seconds() const { return seconds_; }

 private:
  int64_t seen_ = 0;
  int64_t every_ = 1;
  std::vector<FeatureValues> seconds_;
};

/// Where names are among a block's channels; -1: one is not.
std::vector<int32_t> ColumnsOf(const std::vector<std::string>& names, const StoredRows& block) {
  std::vector<int32_t> columns;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(block.channels, name);
    columns.push_back(
        found == block.channels.end() ? -1 : static_cast<int32_t>(found - block.channels.begin()));
  }
  return columns;
}

/// Cuts recorded rows into the seconds of each channel and mode, as the live ones are.
class RecordedSeconds {
 public:
  RecordedSeconds(const MachineConfig& kind, const Plan& plan)
      : kind_(kind),
        modes_(plan.input.modes),
        seconds_(static_cast<int32_t>(kind.channels.size()), 1 / kind.rate_hz),
        channels_(kind.channels.size()),
        row_(kind.channels.size()),
        mode_row_(modes_.size()) {
    for (const ChannelConfig& channel : kind.channels) names_.push_back(channel.name);
    for (const ModeColumn& mode : modes_) mode_names_.push_back(mode.column);
  }

  void Add(const StoredRows& block) {
    if (!HasPeriod(kind_.rate_hz, block.period_ns)) return;
    std::vector<int32_t> columns = ColumnsOf(names_, block);
    if (HaveOtherModes(block, columns)) {
      for (auto& modes : channels_) modes.clear();  // of rows that had not said it yet
      return;
    }
    ForgetOtherUnits(block, columns);
    if (std::abs(block.first_ns - next_ns_) > block.period_ns / 2) {
      seconds_ = MachineSeconds(static_cast<int32_t>(row_.size()), 1 / kind_.rate_hz);
    }
    next_ns_ = block.last_ns() + block.period_ns;
    const std::vector<int32_t> mode_columns = ColumnsOf(mode_names_, block);
    for (int64_t i = 0; i < block.rows(); ++i) AddRow(block, i, columns, mode_columns);
  }
  /// By mode, of each channel.
  const std::vector<std::map<int32_t, EvenSeconds>>& channels() const { return channels_; }

 private:
  /// NaN for what is not there or not sound.
  static float SoundValue(const StoredRows& block, int64_t row, int32_t column) {
    constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
    if (column < 0) return kNone;
    const size_t at = static_cast<size_t>(row) * block.channels.size() + column;
    return block.flags[at] <= Flag::kNotEvaluated ? block.values[at] : kNone;
  }

  bool IsInOtherUnit(const StoredRows& block, int32_t column, size_t channel) const {
    return column >= 0 && !block.units.empty() &&
           IsOtherUnit(block.units[static_cast<size_t>(column)], kind_.channels[channel].unit);
  }

  /// Whether a column that tells modes apart was in another unit than now.
  bool HaveOtherModes(const StoredRows& block, const std::vector<int32_t>& columns) const {
    for (size_t c = 0; c < names_.size(); ++c) {
      if (std::ranges::find(mode_names_, names_[c]) == mode_names_.end()) continue;
      if (IsInOtherUnit(block, columns[c], c)) return true;
    }
    return false;
  }

  /// Of channels that were in another unit than now neither these rows count nor those of before,
  /// which had not said it yet.
  void ForgetOtherUnits(const StoredRows& block, std::vector<int32_t>& columns) {
    for (size_t c = 0; c < columns.size(); ++c) {
      if (!IsInOtherUnit(block, columns[c], c)) continue;
      columns[c] = -1;
      channels_[c].clear();
    }
  }

  void AddRow(const StoredRows& block, int64_t row, const std::vector<int32_t>& columns,
              const std::vector<int32_t>& mode_columns) {
    bool known = block.alarms.empty() || block.alarms[static_cast<size_t>(row)] == 0;
    for (size_t m = 0; m < modes_.size(); ++m) {
      mode_row_[m] = SoundValue(block, row, mode_columns[m]);
      known = known && std::isfinite(mode_row_[m]);
    }
    for (size_t c = 0; c < row_.size(); ++c) {
      row_[c] =
          known ? SoundValue(block, row, columns[c]) : std::numeric_limits<float>::quiet_NaN();
    }
    if (!seconds_.AddRow(row_, known ? ModeCell(modes_, mode_row_) : 0)) return;
    for (size_t c = 0; c < row_.size(); ++c) {
      const FeatureValues& second = seconds_.features()[c];
      if (!std::isfinite(second[kFeatureMean])) continue;
      channels_[c][seconds_.mode()].Add(second, kind_.drift->learn_s);
    }
  }

  const MachineConfig& kind_;
  const std::vector<ModeColumn>& modes_;
  std::vector<std::string> names_;
  std::vector<std::string> mode_names_;
  MachineSeconds seconds_;
  std::vector<std::map<int32_t, EvenSeconds>> channels_;
  std::vector<float> row_;
  std::vector<double> mode_row_;
  int64_t next_ns_ = std::numeric_limits<int64_t>::min() / 2;
};

}  // namespace

std::vector<DriftMonitor> DriftFromRecordings(const RecordedRows& rows, const MachineConfig& kind,
                                              const Plan& plan,
                                              const std::function<bool()>& enough) {
  RecordedSeconds seconds(kind, plan);
  rows([&](const StoredRows& block) {
    if (!enough()) seconds.Add(block);
  });
  if (enough()) return {};
  bool learnt = false;
  std::vector<DriftMonitor> monitors;
  for (const auto& modes : seconds.channels()) {
    DriftMonitor& monitor = monitors.emplace_back(*kind.drift);
    for (const auto& [mode, of_mode] : modes) {
      learnt = monitor.LearnRecorded(mode, of_mode.seconds()) || learnt;
    }
  }
  if (!learnt) return {};
  return monitors;
}

}  // namespace millrace
