// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/inference/machine_config.h"
#include "client/inference/machine_verdict.h"
#include "client/live/live_clock.h"
#include "client/output/output_config.h"

namespace millrace {

/// How a machine stands, for whoever asks or acts on it.
struct MachineStatus {
  std::string machine;
  /// The last one; none: there was none so far. Once it has aged it says "not evaluated", so that
  /// nobody takes it for news.
  std::optional<MachineVerdict> verdict;
  int64_t age_ns = 0;  // since the newest sample came that the verdict has seen
  std::optional<MachineVerdict> last_alarm;
  /// Counts up by one with each beat at which all of this held: the scoring goes on, and the
  /// machine's last verdict is fresh and says normal or alarm.
  uint64_t heartbeat = 0;
  bool alive = false;  // whether it did with the last beat, no more than three periods ago
};

/// The same of the site: alive while every machine that has a model is.
struct SiteStatus {
  uint64_t heartbeat = 0;
  bool alive = false;
  std::vector<MachineStatus> machines;  // by name
};

/// The last verdict on every machine, and what the heartbeats come to. Thread-safe.
class VerdictBoard {
 public:
  /// A verdict is fresh while the newest sample that it has seen came no longer than
  /// `heartbeat.fresh_s` ago. `clock` outlives the board.
  VerdictBoard(const std::vector<MachineConfig>& machines, const HeartbeatConfig& heartbeat,
               LiveClock* clock);

  /// Of one of the machines.
  void Post(const MachineVerdict& verdict);
  /// Once in a heartbeat's period.
  void Beat(bool scoring_goes_on);

  SiteStatus Site() const;
  std::optional<MachineStatus> Of(const std::string& machine) const;

 private:
  struct Entry {
    bool judged = false;  // has a model
    std::optional<MachineVerdict> verdict;
    int64_t arrived_ns = 0;
    std::optional<MachineVerdict> last_alarm;
    uint64_t heartbeat = 0;
    bool alive = false;
  };

  MachineStatus StatusOf(const std::string& machine, const Entry& entry, int64_t now_ns) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  /// Whether what the last beat has found still counts.
  bool BeatsAt(int64_t now_ns) const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return now_ns - beaten_ns_ <= patience_ns_;
  }

  const int64_t fresh_ns_;
  const int64_t patience_ns_;  // with a beat that does not come
  LiveClock* const clock_;
  mutable absl::Mutex mutex_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  uint64_t heartbeat_ ABSL_GUARDED_BY(mutex_) = 0;
  bool alive_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t beaten_ns_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace
