// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace millrace {

/// Verdicts that wait for a broker, in their order. Where there is no room the oldest goes that is
/// no alarm, and the oldest alarm only when nothing else waits. Constant time, however many wait.
/// Not thread-safe.
class Backlog {
 public:
  struct Message {
    std::string topic;
    std::string payload;
    bool alarm = false;
    int failures = 0;  // to hand it to the network
  };

  /// `capacity` messages, at least 1.
  explicit Backlog(int64_t capacity) : capacity_(static_cast<size_t>(capacity)) {}

  bool empty() const { return size() == 0; }
  size_t size() const { return alarms_.size() + others_.size(); }
  /// Behind the others. How many had to go.
  int64_t Push(Message message);
  /// In front of the others, as one that was taken too early; beyond the capacity too, until Trim.
  void PutBack(Message message);
  /// How many had to go.
  int64_t Trim();
  /// The oldest.
  std::optional<Message> Take();

 private:
  struct Numbered {
    int64_t number = 0;  // rises from the oldest to the newest
    Message message;
  };

  std::deque<Numbered>& LaneOf(const Message& message) { return message.alarm ? alarms_ : others_; }

  const size_t capacity_;
  std::deque<Numbered> alarms_;
  std::deque<Numbered> others_;
  int64_t first_ = 0;  // all numbers are from this one
  int64_t end_ = 0;    // to the one before this
};

}  // namespace millrace
