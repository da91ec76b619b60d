// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/inference/alarm_stretch.h"
#include "client/inference/machine_config.h"
#include "client/inference/machine_row.h"
#include "client/inference/machine_verdict.h"
#include "client/live/live_clock.h"
#include "client/quality/flag.h"
#include "client/store/row_recorder.h"
#include "client/store/stored_rows.h"
#include "models/package.h"

namespace millrace {

/// The newest rows of machines that are not recorded, in memory: from them the thresholds of the
/// next model are learnt. Rows that were taken in an alarm are forgotten as soon as it is known.
class RecentRows {
 public:
  /// Of values and flags, of all machines together; each has an equal part of it.
  static constexpr int64_t kMostBytes = int64_t{256} << 20;

  /// Rows are kept where they are judged by thresholds that are learnt, unless the site has
  /// `recordings` of all their channels. `clock` outlives it.
  RecentRows(const std::vector<MachineConfig>& machines, bool recordings, LiveClock* clock,
             int64_t most_bytes = kMostBytes);

  // Of one machine on one thread at a time, of several at once; of those that are judged by the
  // same rows on one thread.

  void Take(const MachineRow& row);
  void Take(const MachineVerdict& verdict);

  // From any thread.

  /// As many rows of the machines that this model judges are kept from now on as `learn_windows` of
  /// its windows take, and once more for those that are flagged or were in alarms; before, none.
  void KeepWindowsOf(const ModelPackage& model);
  /// Those that the machine is judged by, block by block, but for the last one, whose verdicts may
  /// still change.
  std::vector<std::shared_ptr<const StoredRows>> Of(const std::string& machine);
  /// Whether a window of the machine was found normal or an alarm since then, monotonic.
  bool JudgedSince(const std::string& machine, int64_t since_ns) const;
  /// Time of the last row that a verdict on the machine is about; 0: there was none.
  int64_t LastRowNs(const std::string& machine) const { return judged_.at(machine).row_ns; }
  /// Whether rows of any machine are kept, or would be.
  bool keeps() const { return keeping_ > 0; }
  /// Of values and flags.
  int64_t bytes() const;

 private:
  /// One machine's rows.
  struct Kept {
    const MachineConfig* kind = nullptr;
    std::string machine;
    std::vector<Flag> flags;  // of the last row; the judging thread's

    mutable absl::Mutex mutex;
    std::map<std::string, int64_t> wanted ABSL_GUARDED_BY(mutex);  // rows, by model
    std::optional<RowRecorder> rows ABSL_GUARDED_BY(mutex);        // none: none are kept
    std::deque<std::shared_ptr<const StoredRows>> blocks ABSL_GUARDED_BY(mutex);
    int64_t in_blocks ABSL_GUARDED_BY(mutex) = 0;  // rows
    int64_t most_rows ABSL_GUARDED_BY(mutex) = 0;

    /// What `fit` rows leave of those that are wanted.
    void Resize(int64_t fit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
    void Push(std::optional<StoredRows> block) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
    void DropFrom(int64_t time_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  };
  /// One machine's verdicts.
  struct Judged {
    AlarmStretch alarm;                  // its judging thread's
    std::atomic<int64_t> judged_ns = 0;  // monotonic; 0: never
    std::atomic<int64_t> row_ns = 0;     // of the last verdict on data; 0: there was none
    Kept* rows = nullptr;                // none: they are not kept
  };

  const std::vector<MachineConfig> kinds_;
  LiveClock* const clock_;
  const int64_t most_bytes_;
  int64_t keeping_ = 0;                      // machines
  std::vector<std::unique_ptr<Kept>> kept_;  // by the machine's number; null: none of it
  std::map<std::string, Judged> judged_;     // by machine; no keys are added after the beginning
};

}  // namespace millrace
