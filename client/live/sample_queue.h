// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <span>
#include <vector>

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

  /// Where there is no room, the oldest batches go of the source of which most samples wait, this
  /// one counted: a flood costs its own. Of a batch that does not fit even so, the newest samples
  /// stay.
  void Accept(SampleBatch batch) override;

  /// All that waits, the oldest first. Waits for something as long as `patience`; empty if nothing
  /// came, or, at once, after Close.
  std::deque<SampleBatch> TakeAll(absl::Duration patience);

  /// The same of `most` samples, which the sources share by turns: whoever takes so does not have
  /// one source's flood on its hands while others wait. A batch may come in parts.
  std::deque<SampleBatch> Take(int64_t most, absl::Duration patience);

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
  struct Numbered {
    int64_t left() const { return static_cast<int64_t>(batch.samples.size()) - taken; }

    int64_t number = 0;  // in the order of arrival
    SampleBatch batch;
    int64_t taken = 0;  // of its samples, from the front
  };
  /// What waits of one source.
  struct Lane {
    std::deque<Numbered> batches;
    int64_t waiting = 0;  // samples
  };
  using Lanes = std::map<uint64_t, Lane>;

  static std::deque<SampleBatch> InOrder(Lanes lanes);
  /// Without what was taken of it.
  static SampleBatch RestOf(Numbered batch);
  /// Up to `most` samples of the lane's oldest batch, whatever is left of that: in time for those.
  static Numbered TakeFront(Lane& lane, int64_t most);
  Lanes TakeByTurns(int64_t most);
  void MakeRoom(SampleBatch& batch, Lane& lane, std::vector<Numbered>& gone);

  const int64_t capacity_;
  // The rest is guarded by it. Not absl's, whose waits last longer where the date is set back.
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable emptied_;
  Lanes lanes_;           // by source; none is empty
  int64_t accepted_ = 0;  // batches
  int64_t waiting_ = 0;
  int64_t dropped_ = 0;
  bool closed_ = false;
};

}  // namespace millrace
