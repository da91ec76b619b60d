// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/quality/flag.h"

namespace millrace {

/// A stretch of one machine's time grid with what validation said of it.
struct StoredRows {
  std::string machine;
  std::vector<std::string> channels;
  int64_t first_ns = 0;  // Unix time of the first row
  int64_t period_ns = 0;
  std::vector<float> values;  // [rows, channels]; NaN: missing
  std::vector<Flag> flags;    // [rows, channels]

  int64_t rows() const { return static_cast<int64_t>(values.size() / channels.size()); }
  int64_t last_ns() const { return first_ns + (rows() - 1) * period_ns; }

  /// INVALID_ARGUMENT unless there are a machine's name, channels, rows of all of them, flags for
  /// each value and times that int64 can hold.
  absl::Status Check() const;
  std::string ToBytes() const;
  /// DATA_LOSS for anything that ToBytes did not give.
  static absl::StatusOr<StoredRows> Parse(absl::string_view bytes);

  /// Leaves the rows within [from_ns, to_ns).
  void Trim(int64_t from_ns, int64_t to_ns);
};

/// Largest block, as bytes.
inline constexpr int64_t kMaxStoredBytes = int64_t{64} << 20;

}  // namespace millrace
