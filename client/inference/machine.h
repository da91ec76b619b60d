// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/drift/machine_drift.h"
#include "client/inference/machine_config.h"
#include "client/inference/machine_row.h"
#include "client/inference/model_window.h"
#include "client/inference/time_grid.h"
#include "client/quality/channel_validator.h"
#include "client/quality/verdict.h"
#include "plan/plan.h"

namespace millrace {

/// One machine's live data: rows from its samples, flags on them, windows of them for its model.
/// Other models may judge the same rows, each by windows of its own.
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

  /// The last one; its machine is 0. Valid until the next Advance.
  MachineRow row() const {
    return {0, grid_.TimeOf(row_number_), row_, judged_, revised_, restarted_};
  }
  int64_t time_ns() const { return grid_.TimeOf(row_number_); }
  /// When the newest sample came that is in it, monotonic; 0: there was no row so far.
  int64_t arrived_ns() const { return arrived_ns_; }

  /// What its model sees.
  const ModelWindow& window() const { return window_; }

  const std::string& name() const { return name_; }
  const TimeGridCounts& counts() const { return grid_.counts(); }

 private:
  void ResetValidators();
  void JudgeRow();
  void ResetDrift();
  void WatchDrift();

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

  ModelWindow window_;

  int64_t row_number_ = 0;
  bool restarted_ = false;  // the last row does not continue the one before
  int64_t arrived_ns_ = 0;
  int64_t last_arrived_ns_ = 0;
};

}  // namespace millrace
