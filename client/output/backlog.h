// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace millrace {

/// Verdicts that wait for a broker, in their order. Where there is no room the oldest goes that is
/// no alarm, and the oldest alarm only when nothing else waits. Not thread-safe.
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

  bool empty() const { return messages_.empty(); }
  size_t size() const { return messages_.size(); }
  /// Behind the others. How many had to go.
  int64_t Push(Message message);
  /// In front of the others, as one that was taken too early; beyond the capacity too, until Trim.
  void PutBack(Message message);
  /// How many had to go.
  int64_t Trim();
  /// The oldest.
  std::optional<Message> Take();

 private:
  const size_t capacity_;
  std::deque<Message> messages_;
  size_t alarms_in_front_ = 0;  // at least so many of the first are alarms
};

}  // namespace millrace
