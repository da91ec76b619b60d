// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "client/inference/machine_verdict.h"

namespace millrace {

/// Which rows of one machine its alarms are about: those of a window, those between it and the one
/// before in the same alarm, and those of windows whose data allow no judgement, until others do. A
/// model that says no more, and a threshold that is learnt anew, end an alarm.
/// Not thread-safe.
class AlarmStretch {
 public:
  /// Times of its first and last row.
  struct Rows {
    int64_t first_ns = 0;
    int64_t last_ns = 0;
  };

  /// `between_ns`: from a judged window to the next one's rows, at most.
  explicit AlarmStretch(int64_t between_ns = 0) : between_ns_(between_ns) {}

  /// Those that the verdict makes rows of an alarm; none: it is no alarm.
  std::optional<Rows> On(const MachineVerdict& verdict) {
    if (verdict.silence) return std::nullopt;
    const bool goes_on = verdict.unusable && last_ns_;
    if (verdict.judgement != Judgement::kAlarm && !goes_on) {
      last_ns_.reset();
      return std::nullopt;
    }
    int64_t first_ns = verdict.time_ns - verdict.window_ns;
    // With what lies between the windows, but not all that lies before a clock that was set.
    if (last_ns_ && first_ns - *last_ns_ <= between_ns_) first_ns = std::min(first_ns, *last_ns_);
    last_ns_ = verdict.time_ns;
    return Rows{first_ns, verdict.time_ns};
  }

 private:
  int64_t between_ns_;
  std::optional<int64_t> last_ns_;  // of the last window; none: it was no alarm
};

}  // namespace millrace
