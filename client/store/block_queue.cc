// SPDX-License-Identifier: Apache-2.0
#include "client/store/block_queue.h"

#include <utility>

#include "base/steady_wait.h"

namespace millrace {
namespace {

int64_t HeldBytes(const StoredRows& block) {
  return static_cast<int64_t>(block.values.size() * (sizeof(float) + sizeof(Flag)));
}

}  // namespace

void BlockQueue::Push(StoredRows block) {
  const int64_t bytes = HeldBytes(block);
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || bytes_ + bytes > capacity_) {
      dropped_rows_ += block.rows();
      return;
    }
    bytes_ += bytes;
    blocks_.push_back(std::move(block));
    if (2 * bytes_ < capacity_) return;
  }
  pressing_.notify_one();
}

std::vector<StoredRows> BlockQueue::TakeAll(absl::Duration patience) {
  std::unique_lock lock(mutex_);
  pressing_.wait_for(lock, SteadyWait(patience),
                     [this] { return closed_ || 2 * bytes_ >= capacity_; });
  bytes_ = 0;
  return std::exchange(blocks_, {});
}

void BlockQueue::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  pressing_.notify_all();
}

bool BlockQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

int64_t BlockQueue::dropped_rows() const {
  const std::lock_guard lock(mutex_);
  return dropped_rows_;
}

}  // namespace millrace
