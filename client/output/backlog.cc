// SPDX-License-Identifier: Apache-2.0
#include "client/output/backlog.h"

#include <utility>

namespace millrace {

int64_t Backlog::Push(Message message) {
  std::deque<Numbered>& lane = LaneOf(message);
  lane.push_back({end_++, std::move(message)});
  return Trim();
}

void Backlog::PutBack(Message message) {
  std::deque<Numbered>& lane = LaneOf(message);
  lane.push_front({--first_, std::move(message)});
}

int64_t Backlog::Trim() {
  int64_t gone = 0;
  for (; size() > capacity_; ++gone) {
    (others_.empty() ? alarms_ : others_).pop_front();
  }
  return gone;
}

std::optional<Backlog::Message> Backlog::Take() {
  if (empty()) return std::nullopt;
  const bool alarm =
      others_.empty() || (!alarms_.empty() && alarms_.front().number < others_.front().number);
  std::deque<Numbered>& lane = alarm ? alarms_ : others_;
  Message message = std::move(lane.front().message);
  lane.pop_front();
  return message;
}

}  // namespace millrace
