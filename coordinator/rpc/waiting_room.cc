// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/waiting_room.h"

namespace millrace {

void WaitingRoom::Enter(Waiter* waiter, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  if (closed_) {
    waiter->Cancel();
  } else if (!waiter->Poll(now)) {
    waiters_.insert(waiter);
  }
}

void WaitingRoom::PollAll(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(waiters_, [now](Waiter* waiter) { return waiter->Poll(now); });
}

void WaitingRoom::Update(Waiter* waiter, absl::Time now, const std::function<void()>& change) {
  absl::MutexLock lock(&mutex_);
  if (!waiters_.contains(waiter)) return;
  change();
  if (waiter->Poll(now)) waiters_.erase(waiter);
}

void WaitingRoom::Cancel(Waiter* waiter) {
  absl::MutexLock lock(&mutex_);
  if (waiters_.erase(waiter) > 0) waiter->Cancel();
}

void WaitingRoom::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  for (Waiter* waiter : waiters_) waiter->Cancel();
  waiters_.clear();
}

}  // namespace millrace
