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
  /// waits with one that goes is taken over where another takes its place (TakesOver). All or
  /// none: where one cannot be opened the error names it, and those that had to go for it are
  /// opened anew. `configs` have different names.
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

  /// One that has ended, and what waited with it.
  struct Ended {
    OutputConfig config;
    std::vector<Backlog::Message> waiting;
  };

  /// Takes over from those of `ended` whose place it takes.
  absl::Status Open(const OutputConfig& config, std::vector<Ended>& ended);
  /// Ends those that `configs` does not have as they are, and adds them to `ended`.
  void EndAllBut(const std::vector<OutputConfig>& configs, std::vector<Ended>& ended);
  static void TellLost(const std::vector<Ended>& ended);
  absl::Status Change(const std::vector<OutputConfig>& configs, std::vector<Ended>& ended);
  std::vector<OutputConfig> Configs() const;

  const Factory factory_;
  absl::Mutex changing_;       // held by one Reconfigure at a time
  mutable absl::Mutex mutex_;  // shared by those who tell something
  std::map<std::string, Running> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
