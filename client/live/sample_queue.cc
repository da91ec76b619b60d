// SPDX-License-Identifier: Apache-2.0
#include "client/live/sample_queue.h"

#include <algorithm>
#include <utility>

#include "base/steady_wait.h"

namespace millrace {

void SampleQueue::Accept(SampleBatch batch) {
  if (batch.samples.empty()) return;
  std::deque<SampleBatch> gone;  // freed once the lock is
  {
    const std::lock_guard lock(mutex_);
    auto size = static_cast<int64_t>(batch.samples.size());
    if (size > capacity_) {
      dropped_ += size - capacity_;
      batch.samples.erase(batch.samples.begin(), batch.samples.end() - capacity_);
      size = capacity_;
    }
    while (waiting_ + size > capacity_) {
      const auto oldest = static_cast<int64_t>(batches_.front().samples.size());
      gone.push_back(std::move(batches_.front()));
      batches_.pop_front();
      waiting_ -= oldest;
      dropped_ += oldest;
    }
    waiting_ += size;
    batches_.push_back(std::move(batch));
  }
  filled_.notify_one();
}

std::deque<SampleBatch> SampleQueue::TakeAll(absl::Duration patience) {
  std::deque<SampleBatch> taken;
  {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, SteadyWait(patience), [this] { return waiting_ > 0 || closed_; });
    taken.swap(batches_);
    waiting_ = 0;
  }
  emptied_.notify_all();
  return taken;
}

bool SampleQueue::AwaitRoom(int64_t samples, absl::Duration patience) {
  const int64_t most = capacity_ - std::min(samples, capacity_);
  std::unique_lock lock(mutex_);
  emptied_.wait_for(lock, SteadyWait(patience), [&] { return waiting_ <= most || closed_; });
  return waiting_ <= most;
}

void SampleQueue::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  filled_.notify_all();
  emptied_.notify_all();
}

int64_t SampleQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

int64_t SampleQueue::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace millrace
