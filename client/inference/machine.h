// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/drift/machine_drift.h"
#include "client/inference/machine_config.h"
#include "client/inference/time_grid.h"
#include "client/inference/window_ring.h"
#include "client/quality/channel_validator.h"
#include "client/quality/verdict.h"
#include "client/quality/window_flags.h"
#include "plan/plan.h"

namespace millrace {

/// Where a model's inputs are among a machine's channels.
struct InputMap {
  std::vector<int32_t> channels;  // one per channel of the plan
  std::vector<int32_t> modes;     // one per mode column of the plan

  /// INVALID_ARGUMENT names the channel that such machines lack.
  static absl::StatusOr<InputMap> Of(const InputPlan& input, const MachineConfig& machine);
};

/// One channel's part in what is wrong with a window.
struct FlaggedChannel {
  std::string name;
  Verdict worst;
  double share = 0;  // of its values that did not pass
};

/// One machine's live data: rows from its samples, flags on them, windows of them for its model.
/// Not thread-safe.
class Machine {
 public:
  /// `config` outlives it.
  Machine(const MachineConfig* config, std::string name);

  /// From now on windows are those of `input`, of which the first is due once it is full.
  /// `input` outlives the use.
  void UseInput(const InputPlan* input, InputMap map);

  void Add(int32_t channel, int64_t time_ns, float value, SampleArrival arrival);

  enum class Step {
    kNone,   // no row is finished
    kRow,    // one was
    kWindow  // one was, and a window is due at it
  };
  Step Advance();

  /// At the last row, of the channels whose drift has changed its state; seldom any. Valid until
  /// the next Advance.
  std::span<const MachineDrift::Change> drift_changes() const { return drift_changes_; }
  DriftReport drift_report(int32_t channel) const { return drift_->monitor(channel).report(); }
  /// None: it is not watched.
  MachineDrift* drift() { return drift_ ? &*drift_ : nullptr; }

  // The last row, [channels].

  std::span<const float> row() const { return row_; }
  std::span<const Verdict> judged() const { return judged_; }
  /// Later verdicts on the row before.
  std::span<const std::optional<Verdict>> revised() const { return revised_; }

  int64_t time_ns() const { return grid_.TimeOf(row_number_); }
  /// When the newest sample came that is in it, monotonic; 0: there was no row so far.
  int64_t arrived_ns() const { return arrived_ns_; }

  // Of the window that ends at the last row; at the one before, where a channel of the model has a
  // rule of spikes, which are known once the next value is.

  /// [window, the plan's channels], as measured; NaN where there was nothing.
  std::span<const float> rows() const { return rows_->window(); }
  /// [window]: each row's operating-mode cell.
  std::span<const int32_t> cells() const { return cells_->window(); }
  int64_t window_time_ns() const { return grid_.TimeOf(window_row_); }
  /// No value of the model's channels is missing or fails, and no more than the machine's
  /// suspect_share is suspect.
  bool usable() const;
  Flag worst() const { return window_flags_.worst().flag; }
  /// Of the model's channels, those with values that did not pass.
  std::vector<FlaggedChannel> Flagged() const;

  const std::string& name() const { return name_; }
  const TimeGridCounts& counts() const { return grid_.counts(); }

 private:
  /// What a model sees of a row.
  struct ModelRow {
    int64_t number = 0;
    int32_t cell = 0;
    std::vector<float> values;   // [the plan's channels]
    std::vector<Verdict> flags;  // [columns]
  };

  void ResetValidators();
  void JudgeRow();
  void KeepFlags(std::span<const Verdict> flags);
  void ResetDrift();
  /// `known`: the row's operating mode is.
  void WatchDrift(int32_t cell, bool known);
  /// Makes `latest_` of the last row.
  void ReadLatest();
  /// Whether a window is due at `row`.
  bool Push(const ModelRow& row);

  const MachineConfig* const config_;
  const std::string name_;
  TimeGrid grid_;
  std::vector<ChannelValidator> validators_;     // one per channel
  std::vector<int32_t> references_;              // per channel: its reference channel, or -1
  std::vector<float> row_;                       // [channels], the last one
  std::vector<Verdict> judged_;                  // [channels], of the last row
  std::vector<std::optional<Verdict>> revised_;  // [channels], of the row before
  std::optional<MachineDrift> drift_;
  std::vector<float> sound_row_;  // [channels], NaN where a value did not pass
  std::span<const MachineDrift::Change> drift_changes_;

  const InputPlan* input_ = nullptr;
  InputMap map_;
  std::vector<int32_t> columns_;  // of channels whose flags count: the map's, each once
  std::optional<WindowRing<float>> rows_;
  std::optional<WindowRing<int32_t>> cells_;
  std::vector<double> mode_row_;
  ModelRow latest_;
  bool waits_ = false;  // rows wait for the verdicts on them to be final
  std::optional<ModelRow> waiting_;
  std::vector<Verdict> flags_;  // [window, columns], ring
  int64_t flags_at_ = 0;        // where the next row's go
  WindowFlags window_flags_;    // what they come to
  int64_t rows_to_next_ = 0;

  int64_t row_number_ = 0;
  int64_t window_row_ = 0;
  int64_t arrived_ns_ = 0;
  int64_t last_arrived_ns_ = 0;
};

}  // namespace millrace
