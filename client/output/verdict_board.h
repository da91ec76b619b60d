// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
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
  std::shared_ptr<const MachineVerdict> verdict;
  int64_t age_ns = 0;  // since the newest sample came that the verdict has seen
  std::shared_ptr<const MachineVerdict> last_alarm;
  /// Counts up by one with each beat at which all of this held: the scoring goes on, and the
  /// machine's last verdict is fresh, on data of the present, and says normal or alarm.
  uint64_t heartbeat = 0;
  bool alive = false;     // whether it did with the last beat, no more than three periods ago
  int64_t beaten_ns = 0;  // Unix time of that beat; 0: there was none so far
  std::string why;        // it is not alive
};

/// Whether the model that judges it has expired, and serves on where the site's file allows it.
inline bool ModelExpired(const MachineStatus& status) {
  return status.verdict != nullptr && status.verdict->expired;
}

/// The same of the site: alive while every machine that has a model is.
struct SiteStatus {
  uint64_t heartbeat = 0;
  bool alive = false;
  std::vector<MachineStatus> machines;  // by name
};

/// The last verdict on every machine, and what the heartbeats come to. Thread-safe.
class VerdictBoard {
 public:
  /// A verdict is fresh while the newest sample that it has seen came no longer than the machine's
  /// fresh_s, or `heartbeat.fresh_s`, ago, and its data are of the present while their own time is
  /// no further than that and `heartbeat.most_lag_s` from this machine's. `clock` outlives the
  /// board.
  VerdictBoard(const std::vector<MachineConfig>& machines, const HeartbeatConfig& heartbeat,
               LiveClock* clock);

  /// Of one of the machines.
  void Post(const MachineVerdict& verdict);
  /// Once in a heartbeat's period.
  void Beat(bool scoring_goes_on);

  SiteStatus Site() const;
  std::optional<MachineStatus> Of(const std::string& machine) const;

 private:
  /// Copied under the lock that the scoring needs: light.
  struct Entry {
    bool judged = false;  // has a model
    int64_t fresh_ns = 0;
    std::shared_ptr<const MachineVerdict> verdict;
    int64_t arrived_ns = 0;
    std::shared_ptr<const MachineVerdict> last_alarm;
    uint64_t heartbeat = 0;
    bool alive = false;
  };

  /// The present, by both clocks.
  struct Now {
    int64_t ns = 0;
    int64_t unix_ns = 0;
  };
  Now ReadClocks() const { return {clock_->MonotonicNs(), clock_->UnixNs()}; }
  bool IsFresh(const Now& now, const Entry& entry) const {
    return now.ns - entry.arrived_ns <= entry.fresh_ns;
  }
  bool IsOfThePresent(const Now& now, const Entry& entry) const;
  /// Its verdict, which is no news any more.
  static std::shared_ptr<const MachineVerdict> AsStale(const Entry& entry);
  std::string WhyNotAlive(const Entry& entry, const MachineVerdict* verdict, const Now& now) const;
  MachineStatus StatusOf(const std::string& machine, const Entry& entry, const Now& now,
                         const Now& beaten) const;

  /// Whether what the last beat has found still counts.
  bool BeatsAt(const Now& now, const Now& beaten) const {
    return now.ns - beaten.ns <= patience_ns_;
  }

  const int64_t most_lag_ns_;
  const bool ignore_time_;
  const int64_t patience_ns_;  // with a beat that does not come
  LiveClock* const clock_;
  mutable absl::Mutex mutex_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  uint64_t heartbeat_ ABSL_GUARDED_BY(mutex_) = 0;
  bool alive_ ABSL_GUARDED_BY(mutex_) = false;
  Now beaten_ ABSL_GUARDED_BY(mutex_);  // when the last beat was
};

}  // namespace millrace
