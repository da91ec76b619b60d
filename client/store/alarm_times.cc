// SPDX-License-Identifier: Apache-2.0
#include "client/store/alarm_times.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"

namespace millrace {

bool AlarmTimes::Add(absl::string_view machine, int64_t first_ns, int64_t last_ns) {
  if (machine.empty() || machine.size() > 256 || absl::StrContains(machine, '\n')) return false;
  if (first_ns > last_ns || !IsSaneTime(first_ns) || !IsSaneTime(last_ns)) return false;
  auto found = by_machine_.find(machine);
  if (found == by_machine_.end()) found = by_machine_.try_emplace(std::string(machine)).first;
  Intervals& intervals = found->second;
  // The first one that may touch it: the last that begins at or before it, or the one after that.
  auto touched = intervals.upper_bound(first_ns);
  if (touched != intervals.begin() && std::prev(touched)->second >= first_ns) --touched;
  while (touched != intervals.end() && touched->first <= last_ns) {
    first_ns = std::min(first_ns, touched->first);
    last_ns = std::max(last_ns, touched->second);
    touched = intervals.erase(touched);
    --size_;
  }
  intervals.emplace_hint(touched, first_ns, last_ns);
  ++size_;
  if (size_ > most_) JoinOldest();
  return true;
}

void AlarmTimes::Add(const AlarmTimes& others) {
  for (const auto& [machine, intervals] : others.by_machine_) {
    for (const auto& [first_ns, last_ns] : intervals) Add(machine, first_ns, last_ns);
  }
}

/// Of the machine that has most. What lies between was normal, and is given up for it.
void AlarmTimes::JoinOldest() {
  const auto most = std::ranges::max_element(
      by_machine_, {}, [](const auto& machine) { return machine.second.size(); });
  Intervals& intervals = most->second;
  if (intervals.size() < 2) return;
  const auto second = std::next(intervals.begin());
  intervals.begin()->second = second->second;
  intervals.erase(second);
  --size_;
}

void AlarmTimes::DropBefore(int64_t time_ns) {
  for (auto machine = by_machine_.begin(); machine != by_machine_.end();) {
    Intervals& intervals = machine->second;
    while (!intervals.empty() && intervals.begin()->second < time_ns) {
      intervals.erase(intervals.begin());
      --size_;
    }
    machine = intervals.empty() ? by_machine_.erase(machine) : std::next(machine);
  }
}

void AlarmTimes::Mark(StoredRows& rows) const {
  const auto found = by_machine_.find(rows.machine);
  if (found == by_machine_.end() || rows.rows() == 0) return;
  const Intervals& intervals = found->second;
  // A period that is no whole number of nanoseconds leaves the rows' times a little off.
  const int64_t off_ns = rows.period_ns / 2;
  auto next = intervals.upper_bound(rows.first_ns - off_ns);
  if (next != intervals.begin()) --next;
  for (int64_t i = 0; i < rows.rows(); ++i) {
    const int64_t time_ns = rows.first_ns + i * rows.period_ns;
    while (next != intervals.end() && next->second < time_ns - off_ns) ++next;
    if (next == intervals.end()) return;
    if (next->first > time_ns + off_ns) continue;
    rows.alarms.resize(rows.rows());
    rows.alarms[i] = 1;
  }
}

}  // namespace millrace
