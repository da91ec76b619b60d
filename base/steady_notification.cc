// SPDX-License-Identifier: Apache-2.0
#include "base/steady_notification.h"

#include "base/steady_wait.h"

namespace millrace {

void SteadyNotification::Notify() {
  {
    const std::lock_guard lock(mutex_);
    notified_ = true;
  }
  changed_.notify_all();
}

bool SteadyNotification::HasBeenNotified() const {
  const std::lock_guard lock(mutex_);
  return notified_;
}

void SteadyNotification::WaitForNotification() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return notified_; });
}

bool SteadyNotification::WaitForNotificationWithTimeout(absl::Duration patience) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, SteadyWait(patience), [this] { return notified_; });
}

}  // namespace millrace
