// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "absl/time/time.h"
#include "client/store/stored_rows.h"

namespace millrace {

/// What waits between the threads that score and the one that writes: bounded, so that a slow disk
/// costs rows, which are counted, and neither memory nor verdicts. Thread-safe: many producers, one
/// consumer.
class BlockQueue {
 public:
  /// `capacity` in bytes of values and flags.
  explicit BlockQueue(int64_t capacity) : capacity_(capacity) {}

  /// Where there is no room the block is dropped: what waits is older, and its continuation is of
  /// use only behind it. Never blocks for longer than a swap.
  void Push(StoredRows block);

  /// All that waits, after `patience`, or as soon as half the room is taken or Close was called.
  std::vector<StoredRows> TakeAll(absl::Duration patience);

  /// Ends every waiting; what waits can still be taken.
  void Close();
  bool closed() const;

  /// Rows dropped so far for want of room.
  int64_t dropped_rows() const;

 private:
  const int64_t capacity_;
  // The rest is guarded by it. Not absl's, whose waits last longer where the date is set back.
  mutable std::mutex mutex_;
  std::condition_variable pressing_;
  std::vector<StoredRows> blocks_;
  int64_t bytes_ = 0;
  int64_t dropped_rows_ = 0;
  bool closed_ = false;
};

}  // namespace millrace
