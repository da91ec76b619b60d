// SPDX-License-Identifier: Apache-2.0
#include "client/output/backlog.h"

#include <utility>

namespace millrace {

int64_t Backlog::Push(Message message) {
  messages_.push_back(std::move(message));
  return Trim();
}

void Backlog::PutBack(Message message) {
  alarms_in_front_ = message.alarm ? alarms_in_front_ + 1 : 0;
  messages_.push_front(std::move(message));
}

int64_t Backlog::Trim() {
  int64_t gone = 0;
  for (; messages_.size() > capacity_; ++gone) {
    // The one that was added last is no candidate: it is the news.
    const size_t candidates = messages_.size() - 1;
    while (alarms_in_front_ < candidates && messages_[alarms_in_front_].alarm) ++alarms_in_front_;
    if (alarms_in_front_ < candidates) {
      messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(alarms_in_front_));
    } else if (messages_.back().alarm) {
      messages_.pop_front();
      --alarms_in_front_;
    } else {
      messages_.pop_back();  // all others are alarms
    }
  }
  return gone;
}

std::optional<Backlog::Message> Backlog::Take() {
  if (messages_.empty()) return std::nullopt;
  Message message = std::move(messages_.front());
  messages_.pop_front();
  if (alarms_in_front_ > 0) --alarms_in_front_;
  return message;
}

}  // namespace millrace
