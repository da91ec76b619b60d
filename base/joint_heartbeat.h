// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/life_sign.h"

namespace millrace {

/// The heart of several threads that do one work together: beats once each of them has beaten since
/// it did last, and so for as long as all of them go on.
class JointHeartbeat {
 public:
  /// `threads` > 0.
  explicit JointHeartbeat(size_t threads) : counted_(threads), missing_(threads) {}

  /// Of the thread with this number, on it.
  void Beat(size_t thread) {
    const uint64_t turn = turn_.load(std::memory_order_acquire);
    if (counted_[thread] == turn) return;
    counted_[thread] = turn;
    if (missing_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    // The last one of this turn: nobody else counts before the next one begins.
    missing_.store(counted_.size(), std::memory_order_relaxed);
    heart_.Beat();
    turn_.store(turn + 1, std::memory_order_release);
  }
  const Heartbeat* heart() const { return &heart_; }

 private:
  std::atomic<uint64_t> turn_ = 1;
  std::vector<uint64_t> counted_;  // by thread: the last turn that it has counted in; its own
  std::atomic<size_t> missing_;    // threads that have not in this turn
  Heartbeat heart_;
};

}  // namespace millrace
