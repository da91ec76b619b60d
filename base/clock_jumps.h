// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "base/clock.h"

namespace millrace {

/// Notices that the wall clock was set, by comparing it with one that nobody sets. Not thread-safe.
class ClockJumps {
 public:
  struct Reading {
    absl::Time wall;
    absl::Duration jump;  // by how much it was set since the last reading
  };
  /// Zero the first time, and for what reading two clocks one after the other may make of it. That
  /// much is not lost: steps add up until they count.
  Reading Read(Clock* wall, Clock* steady) {
    const absl::Time before = steady->Now();
    const Reading reading{wall->Now(), absl::ZeroDuration()};
    const absl::Duration took = steady->Now() - before;
    if (took >= kReadTogether) return reading;  // the process was stopped between the two
    return {reading.wall, Take(reading.wall, before)};
  }
  /// The jump of such a reading.
  absl::Duration Take(absl::Time wall, absl::Time steady) {
    const absl::Duration ahead = wall - steady;
    if (!ahead_) ahead_ = ahead;
    const absl::Duration jump = ahead - *ahead_;
    if (absl::AbsDuration(jump) < kNoticed) return absl::ZeroDuration();
    ahead_ = ahead;
    return jump;
  }

 private:
  static constexpr absl::Duration kReadTogether = absl::Milliseconds(100);
  static constexpr absl::Duration kNoticed = absl::Seconds(1);

  std::optional<absl::Duration> ahead_;
};

}  // namespace millrace
