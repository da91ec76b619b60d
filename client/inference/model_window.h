// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/inference/machine_config.h"
#include "client/inference/machine_row.h"
#include "client/inference/window_ring.h"
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

/// The windows that one model sees of a machine's rows. Not thread-safe.
class ModelWindow {
 public:
  /// `config`, of whom the model judges, outlives it.
  explicit ModelWindow(const MachineConfig* config) : config_(config) {}

  /// From now on windows are those of `input`, of which the first is due once it is full.
  /// `input` outlives the use. Whether numbers of operating modes go on meaning the same.
  bool UseInput(const InputPlan* input, InputMap map);

  /// Takes the next row of the grid. Whether a window is due at it; none is before UseInput.
  bool Push(const MachineRow& row);

  /// The operating mode of the row that was pushed last.
  struct Mode {
    int32_t cell = 0;
    bool known = true;
  };
  const Mode& mode() const { return mode_; }

  // Of the window that ends at the last row; at the one before, where a channel of the model has a
  // rule of spikes, which are known once the next value is.

  /// [window, the plan's channels], as measured; NaN where there was nothing.
  std::span<const float> rows() const { return rows_->window(); }
  /// [window]: each row's operating-mode cell.
  std::span<const int32_t> cells() const { return cells_->window(); }
  /// Of its last row.
  int64_t time_ns() const { return time_ns_; }
  /// No value of the model's channels is missing or fails, and no more than the machine's
  /// suspect_share is suspect.
  bool usable() const;
  Flag worst() const { return window_flags_.worst().flag; }
  /// Of the model's channels, those with values that did not pass.
  std::vector<FlaggedChannel> Flagged() const;

 private:
  /// What a model sees of a row.
  struct ModelRow {
    int64_t time_ns = 0;
    int32_t cell = 0;
    std::vector<float> values;   // [the plan's channels]
    std::vector<Verdict> flags;  // [columns]
  };

  void Clear();
  void KeepFlags(std::span<const Verdict> flags);
  /// Makes `latest_` and `mode_` of it.
  void Read(const MachineRow& row);
  /// Whether a window is due at `row`, whose flags are final.
  bool Keep(const ModelRow& row);

  const MachineConfig* const config_;
  const InputPlan* input_ = nullptr;
  InputMap map_;
  std::vector<int32_t> columns_;  // of channels whose flags count: the map's, each once
  std::optional<WindowRing<float>> rows_;
  std::optional<WindowRing<int32_t>> cells_;
  std::vector<double> mode_row_;
  Mode mode_;
  ModelRow latest_;
  bool waits_ = false;  // rows wait for the verdicts on them to be final
  std::optional<ModelRow> waiting_;
  std::vector<Verdict> flags_;  // [window, columns], ring
  int64_t flags_at_ = 0;        // where the next row's go
  WindowFlags window_flags_;    // what they come to
  int64_t rows_to_next_ = 0;
  int64_t time_ns_ = 0;
};

}  // namespace millrace
