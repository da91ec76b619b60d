// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>

#include "absl/time/time.h"
#include "client/live/sample.h"

namespace millrace {

/// What waits between the sources and a thread that scores: bounded by samples, so that a
/// slow model costs old samples and neither memory nor the sources' time. Thread-safe: many
/// producers, one consumer.
class SampleQueue final : public SampleSink {
 public:
  /// `capacity` >= 1 samples.
  explicit SampleQueue(int64_t capacity) : capacity_(capacity) {}

  /// Where there is no room the oldest batches go; of one that is larger than the queue its newest
  /// samples stay.
  void Accept(SampleBatch batch) override;

  /// All that waits, the oldest first. Waits for something as long as `patience`; empty if nothing
  /// came, or, at once, after Close.
  std::deque<SampleBatch> TakeAll(absl::Duration patience);

  bool AwaitRoom(std::span<const Sample> samples, absl::Duration patience) override {
    return AwaitRoom(static_cast<int64_t>(samples.size()), patience);
  }
  /// The same of so many.
  bool AwaitRoom(int64_t samples, absl::Duration patience);

  /// Ends every waiting; what waits can still be taken.
  void Close();

  int64_t waiting() const;
  /// Samples dropped so far for want of room.
  int64_t dropped() const;

 private:
  const int64_t capacity_;
  // The rest is guarded by it. Not absl's, whose waits last longer where the date is set back.
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable emptied_;
  std::deque<SampleBatch> batches_;
  int64_t waiting_ = 0;
  int64_t dropped_ = 0;
  bool closed_ = false;
};

}  // namespace millrace
