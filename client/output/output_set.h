// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/output/output.h"
#include "client/output/output_config.h"

namespace millrace {

/// The outputs of a site. Thread-safe; whoever tells it something waits for no peer, and neither
/// for outputs that come and go.
class OutputSet {
 public:
  /// Opens an output; an error says what is in the way.
  using Factory = std::function<absl::StatusOr<std::unique_ptr<Output>>(const OutputConfig&)>;

  explicit OutputSet(Factory factory) : factory_(std::move(factory)) {}
  /// Ends them all.
  ~OutputSet();

  /// Ends the outputs that `configs` does not have as they are, which say good-bye, then opens
  /// those that are new; an output whose configuration is as it was goes on without a gap, and what
  /// waits with one that goes, and what it is told until then, is taken over where another takes
  /// its place (TakesOver). All or none: where one cannot be opened the error names it, and those
  /// that had to go for it are opened anew. `configs` have different names.
  absl::Status Reconfigure(const std::vector<OutputConfig>& configs);

  void Take(const MachineVerdict& verdict) const;
  /// After each beat of the board.
  void Beat(const VerdictBoard& board) const;

  /// By name.
  std::map<std::string, OutputStatus> Statuses() const;

 private:
  struct Running {
    OutputConfig config;
    std::unique_ptr<Output> output;
  };

  /// Takes over from those that leave whose place it takes.
  absl::Status Open(const OutputConfig& config);
  /// Halts those that `configs` does not have as they are. They leave: what verdicts may wait with
  /// is told on, the others are gone.
  void HaltAllBut(const std::vector<OutputConfig>& configs);
  /// Ends those that leave, and tells what nobody has taken over.
  void EndLeaving();
  absl::Status Change(const std::vector<OutputConfig>& configs);
  std::vector<OutputConfig> Configs() const;

  const Factory factory_;
  absl::Mutex changing_;       // held by one Reconfigure at a time
  mutable absl::Mutex mutex_;  // shared by those who tell something
  std::map<std::string, Running> running_ ABSL_GUARDED_BY(mutex_);
  std::vector<Running> leaving_ ABSL_GUARDED_BY(mutex_);  // halted; told on for who takes over
};

}  // namespace millrace
