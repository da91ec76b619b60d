// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace millrace {

/// absl::Notification for threads that wait for the next time to do something, or for their end:
/// the waits of absl's own end at a date, and go on for as long as the machine's is set back.
/// Thread-safe.
class SteadyNotification {
 public:
  void Notify();
  bool HasBeenNotified() const;
  void WaitForNotification() const;
  /// False if `patience` is over before.
  bool WaitForNotificationWithTimeout(absl::Duration patience) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool notified_ = false;  // guarded by mutex_
};

}  // namespace millrace
