// SPDX-License-Identifier: Apache-2.0
#include "client/store/block_queue.h"

#include <utility>

namespace millrace {
namespace {

int64_t HeldBytes(const StoredRows& block) {
  return static_cast<int64_t>(block.values.size() * (sizeof(float) + sizeof(Flag)));
}

}  // namespace

void BlockQueue::Push(StoredRows block) {
  const int64_t bytes = HeldBytes(block);
  const absl::MutexLock lock(&mutex_);
  if (closed_ || bytes_ + bytes > capacity_) {
    dropped_rows_ += block.rows();
    return;
  }
  bytes_ += bytes;
  blocks_.push_back(std::move(block));
}

std::vector<StoredRows> BlockQueue::TakeAll(absl::Duration patience) {
  const auto pressing = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return closed_ || 2 * bytes_ >= capacity_;
  };
  const absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&pressing), patience);
  bytes_ = 0;
  return std::exchange(blocks_, {});
}

void BlockQueue::Close() {
  const absl::MutexLock lock(&mutex_);
  closed_ = true;
}

bool BlockQueue::closed() const {
  const absl::MutexLock lock(&mutex_);
  return closed_;
}

int64_t BlockQueue::dropped_rows() const {
  const absl::MutexLock lock(&mutex_);
  return dropped_rows_;
}

}  // namespace millrace
