// SPDX-License-Identifier: Apache-2.0
#include "client/live/sample_queue.h"

#include <algorithm>
#include <utility>

namespace millrace {

void SampleQueue::Accept(SampleBatch batch) {
  if (batch.samples.empty()) return;
  std::deque<SampleBatch> gone;  // freed once the lock is
  absl::MutexLock lock(&mutex_);
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

std::deque<SampleBatch> SampleQueue::TakeAll(absl::Duration patience) {
  std::deque<SampleBatch> taken;
  absl::MutexLock lock(&mutex_);
  const auto something = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return waiting_ > 0 || closed_;
  };
  mutex_.AwaitWithTimeout(absl::Condition(&something), patience);
  taken.swap(batches_);
  waiting_ = 0;
  return taken;
}

bool SampleQueue::AwaitRoom(int64_t samples, absl::Duration patience) {
  const int64_t most = capacity_ - std::min(samples, capacity_);
  absl::MutexLock lock(&mutex_);
  const auto room = [this, most]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return waiting_ <= most || closed_;
  };
  mutex_.AwaitWithTimeout(absl::Condition(&room), patience);
  return waiting_ <= most;
}

void SampleQueue::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
}

int64_t SampleQueue::waiting() const {
  absl::MutexLock lock(&mutex_);
  return waiting_;
}

int64_t SampleQueue::dropped() const {
  absl::MutexLock lock(&mutex_);
  return dropped_;
}

}  // namespace millrace
