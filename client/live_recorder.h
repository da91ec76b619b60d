// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "client/capture/capture_keeper.h"
#include "client/capture/capture_triggers.h"
#include "client/inference/alarm_stretch.h"
#include "client/inference/machine_row.h"
#include "client/inference/machine_verdict.h"
#include "client/live/live_clock.h"
#include "client/live_config.h"
#include "client/recorder_metrics.h"
#include "client/store/alarm_times.h"
#include "client/store/block_queue.h"
#include "client/store/row_recorder.h"
#include "client/store/store_writer.h"

namespace millrace {

/// Records what a site's machines do, and captures what is worth it, on a thread of its own: a disk
/// that is slow, full or gone costs rows, which are counted, and no verdict.
class LiveRecorder {
 public:
  /// `config.store` is there. `files` and `clock` outlive it.
  LiveRecorder(const LiveConfig& config, FileSystem* files, LiveClock* clock);
  /// Stops.
  ~LiveRecorder();

  /// Once.
  void Start();
  /// Once nothing is taken any more; what was taken is on the disk then, as far as that can be.
  void Stop();

  // Of one machine on one thread at a time, of several at once.

  void Take(const MachineRow& row);
  void Take(const MachineVerdict& verdict);
  void Take(const ChannelDrift& drift);
  /// Hands on what was taken of these machines, by their numbers, but for each one's last row; to
  /// be called often.
  void HandOver(std::span<const size_t> machines);

  // From any thread.

  /// The operator's button. NOT_FOUND where nothing of this machine is recorded, UNAVAILABLE where
  /// nothing is captured (any more).
  absl::Status Press(const std::string& machine, const std::string& note);
  /// OK while the disk takes what comes; else why recordings have gaps.
  absl::Status Health();
  /// For a scrape.
  std::string MetricsText();

 private:
  /// One machine's rows until they are handed on; of the thread that judges it.
  struct Recorded {
    std::string machine;           // whose rows it is judged by: what is kept has that name
    std::vector<int32_t> columns;  // that are recorded; none: nothing is, or as that one's
    std::optional<RowRecorder> rows;
    AlarmStretch alarm;
    // Of its last row, [columns].
    std::vector<float> values;
    std::vector<Flag> flags;
  };

  /// By whose rows this machine is judged.
  const std::string& RowsOf(const std::string& machine) const {
    return recorded_[places_.at(machine)].machine;
  }
  bool IsRecorded(const std::string& machine) const {
    return recorded_[places_.at(machine)].rows.has_value();
  }
  /// Its rows are recorded by now, or about to be.
  void NoteAlarm(const MachineVerdict& verdict);
  void Note(std::optional<CaptureEvent> event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Write();
  void TryOpen();
  absl::Status WriteBlocks(std::vector<StoredRows> blocks);
  absl::Status WorkOnCaptures();
  void Tell(const absl::Status& status);
  void Publish();

  const LiveConfig config_;
  FileSystem* const files_;
  LiveClock* const clock_;
  std::vector<std::string> machines_;  // that are recorded; as they were at the beginning

  std::vector<Recorded> recorded_;        // by the machine's number
  std::map<std::string, size_t> places_;  // by machine, in recorded_; not changed

  BlockQueue queue_;
  RecorderMetrics metrics_;

  // The writing thread's.
  std::unique_ptr<StoreWriter> writer_;      // none as long as the folder cannot be opened
  std::unique_ptr<CaptureKeeper> captures_;  // none: nothing is captured
  int64_t next_try_ns_ = 0;                  // to open, monotonic
  int64_t next_expiry_ns_ = 0;               // monotonic
  int64_t unwritten_rows_ = 0;               // that came before it could be opened
  absl::Status written_;                     // how the last rows fared
  bool complete_ = true;                     // as it was told last

  absl::Mutex mutex_;
  AlarmTimes alarms_ ABSL_GUARDED_BY(mutex_);  // that the writer does not know yet
  std::optional<CaptureTriggers> triggers_ ABSL_GUARDED_BY(mutex_);
  std::vector<CaptureEvent> events_ ABSL_GUARDED_BY(mutex_);
  std::vector<CaptureFolder::RequestNote> pressed_ ABSL_GUARDED_BY(mutex_);
  int64_t lost_events_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  std::thread writing_;
};

}  // namespace millrace
