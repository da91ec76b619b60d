// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace millrace {

/// A call that is held until there is something to say. Its methods are called under the room's
/// lock, so that answering and hanging up cannot cross.
class Waiter {
 public:
  virtual ~Waiter() = default;
  /// Says what there is to say. True once the call is over: the room forgets it.
  virtual bool Poll(absl::Time now) = 0;
  /// Ends the call, because the caller hung up or the server goes down.
  virtual void Cancel() = 0;
};

/// The calls that wait. Thread-safe.
class WaitingRoom {
 public:
  /// Polls the waiter at once and keeps it if it has to wait. It must stay valid until Poll
  /// returned true or Cancel was called.
  void Enter(Waiter* waiter, absl::Time now);
  void PollAll(absl::Time now);
  /// Changes a waiter's state by `change` under the room's lock, then polls it. A waiter that has
  /// left is left alone.
  void Update(Waiter* waiter, absl::Time now, const std::function<void()>& change);
  /// Cancels a waiter that is still here; one that has left is left alone.
  void Cancel(Waiter* waiter);
  /// Cancels everyone, and whoever enters later.
  void Close();

 private:
  absl::Mutex mutex_;
  std::set<Waiter*> waiters_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
