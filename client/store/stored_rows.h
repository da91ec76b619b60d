// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/quality/flag.h"

namespace millrace {

/// Of 1951 to 2225: the differences of such times are numbers too. Files may hold anything.
bool IsSaneTime(int64_t time_ns);

/// A stretch of one machine's time grid with what validation said of it.
struct StoredRows {
  std::string machine;
  std::vector<std::string> channels;
  int64_t first_ns = 0;       // Unix time of the first row
  int64_t period_ns = 0;      // rounded
  std::vector<float> values;  // [rows, channels]; NaN: missing
  std::vector<Flag> flags;    // [rows, channels]
  /// [rows]: not 0 where the machine was in alarm; empty: it never was. On the disk only those of
  /// captures, and of recordings from before there was an AlarmLog.
  std::vector<char> alarms;
  /// [channels], each empty where the site said none; or none at all.
  std::vector<std::string> units = {};

  int64_t rows() const { return static_cast<int64_t>(values.size() / channels.size()); }
  int64_t last_ns() const { return first_ns + (rows() - 1) * period_ns; }

  /// Whether a row of this time follows the last one. Periods are not always whole nanoseconds, so
  /// a quarter of one is no gap.
  bool IsNext(int64_t time_ns) const;

  /// INVALID_ARGUMENT unless there are a machine's name, channels, rows of all of them, flags for
  /// each value (alarms for each row or none, units of each channel or none) and sane times.
  absl::Status Check() const;
  std::string ToBytes() const;
  /// DATA_LOSS for anything that ToBytes did not give.
  static absl::StatusOr<StoredRows> Parse(absl::string_view bytes);

  /// Leaves the rows within [from_ns, to_ns).
  void Trim(int64_t from_ns, int64_t to_ns);
  /// Adds `next`; false, and nothing is changed, unless it is of the same machine, channels and
  /// units, follows the last row by the period, and both together have at most `most_rows`.
  bool Continue(const StoredRows& next, int64_t most_rows);
};

/// Largest block, as bytes.
inline constexpr int64_t kMaxStoredBytes = int64_t{64} << 20;

}  // namespace millrace
