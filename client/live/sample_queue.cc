// SPDX-License-Identifier: Apache-2.0
#include "client/live/sample_queue.h"

#include <algorithm>
#include <utility>

#include "base/steady_wait.h"

namespace millrace {

/// Of the others first, where several have the same.
void SampleQueue::MakeRoom(SampleBatch& batch, Lane& lane, std::vector<Numbered>& gone) {
  auto size = static_cast<int64_t>(batch.samples.size());
  while (waiting_ + size > capacity_) {
    Lane* most = nullptr;
    for (auto& [source, other] : lanes_) {
      if (&other != &lane && (most == nullptr || other.waiting > most->waiting)) most = &other;
    }
    if (most == nullptr || most->waiting < lane.waiting + size) most = &lane;
    if (most->batches.empty()) {  // it is this batch alone that is too large
      const int64_t surplus = waiting_ + size - capacity_;
      batch.samples.erase(batch.samples.begin(), batch.samples.begin() + surplus);
      dropped_ += surplus;
      return;
    }
    const int64_t oldest = most->batches.front().left();
    gone.push_back(std::move(most->batches.front()));
    most->batches.pop_front();
    most->waiting -= oldest;
    waiting_ -= oldest;
    dropped_ += oldest;
  }
}

void SampleQueue::Accept(SampleBatch batch) {
  if (batch.samples.empty()) return;
  std::vector<Numbered> gone;  // freed once the lock is
  {
    const std::lock_guard lock(mutex_);
    Lane& lane = lanes_[batch.source];
    MakeRoom(batch, lane, gone);
    const auto size = static_cast<int64_t>(batch.samples.size());
    if (size > 0) {
      waiting_ += size;
      lane.waiting += size;
      lane.batches.push_back({accepted_++, std::move(batch), 0});
    }
    std::erase_if(lanes_, [](const auto& entry) { return entry.second.batches.empty(); });
  }
  filled_.notify_one();
}

SampleBatch SampleQueue::RestOf(Numbered batch) {
  std::vector<Sample>& samples = batch.batch.samples;
  samples.erase(samples.begin(), samples.begin() + batch.taken);
  return std::move(batch.batch);
}

std::deque<SampleBatch> SampleQueue::InOrder(Lanes lanes) {
  std::deque<SampleBatch> batches;
  while (!lanes.empty()) {
    const auto oldest = std::ranges::min_element(
        lanes, {}, [](const auto& entry) { return entry.second.batches.front().number; });
    std::deque<Numbered>& lane = oldest->second.batches;
    batches.push_back(RestOf(std::move(lane.front())));
    lane.pop_front();
    if (lane.empty()) lanes.erase(oldest);
  }
  return batches;
}

SampleQueue::Numbered SampleQueue::TakeFront(Lane& lane, int64_t most) {
  Numbered& oldest = lane.batches.front();
  const int64_t count = std::min(most, oldest.left());
  lane.waiting -= count;
  if (count == oldest.left()) {
    Numbered rest = std::move(oldest);
    lane.batches.pop_front();
    return rest;
  }
  const SampleBatch& batch = oldest.batch;
  const auto begin = batch.samples.begin() + oldest.taken;
  oldest.taken += count;
  return {oldest.number,
          {batch.arrived_ns, {begin, begin + count}, batch.source, batch.recorded},
          /*taken=*/0};
}

SampleQueue::Lanes SampleQueue::TakeByTurns(int64_t most) {
  Lanes taken;
  while (most > 0 && !lanes_.empty()) {
    const int64_t share = std::max<int64_t>(1, most / std::ssize(lanes_));
    for (auto& [source, lane] : lanes_) {
      int64_t left = std::min(share, most);
      while (left > 0 && !lane.batches.empty()) {
        Numbered part = TakeFront(lane, left);
        const int64_t count = part.left();
        left -= count;
        most -= count;
        waiting_ -= count;
        taken[source].batches.push_back(std::move(part));
      }
    }
    std::erase_if(lanes_, [](const auto& entry) { return entry.second.batches.empty(); });
  }
  return taken;
}

std::deque<SampleBatch> SampleQueue::TakeAll(absl::Duration patience) {
  return Take(capacity_, patience);
}

std::deque<SampleBatch> SampleQueue::Take(int64_t most, absl::Duration patience) {
  Lanes taken;
  {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, SteadyWait(patience), [this] { return waiting_ > 0 || closed_; });
    if (waiting_ > most) {
      taken = TakeByTurns(most);
    } else {
      taken.swap(lanes_);
      waiting_ = 0;
    }
  }
  emptied_.notify_all();
  return InOrder(std::move(taken));
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
