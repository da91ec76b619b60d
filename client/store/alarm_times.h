// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "client/store/stored_rows.h"

namespace millrace {

/// When machines were in alarm: closed intervals of their rows' times. Bounded: where there are too
/// many, the oldest two of a machine become one, with what lies between. Not thread-safe.
class AlarmTimes {
 public:
  /// From first to last row, by the first. None touches another.
  using Intervals = std::map<int64_t, int64_t>;
  using ByMachine = std::map<std::string, Intervals, std::less<>>;

  /// Intervals of all machines together, at most; one for each machine stays in any case.
  explicit AlarmTimes(size_t most = 100'000) : most_(most) {}

  /// False, and nothing changes, for what can be none: a machine without a name of one line of at
  /// most 256 bytes, or an end before the beginning.
  bool Add(absl::string_view machine, int64_t first_ns, int64_t last_ns);
  void Add(const AlarmTimes& others);
  /// Those that end before it.
  void DropBefore(int64_t time_ns);

  /// Marks those of the rows in `alarms`, besides those that are.
  void Mark(StoredRows& rows) const;

  const ByMachine& by_machine() const { return by_machine_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  void JoinOldest();

  size_t most_;
  ByMachine by_machine_;  // no machine without one
  size_t size_ = 0;
};

}  // namespace millrace
