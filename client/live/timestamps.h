// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace millrace {

/// How a source writes points in time.
enum class TimeFormat {
  kAuto,  // text as RFC 3339; a number by its size: its unit is the one that gives 1973 to 5138
  kSeconds,
  kMilliseconds,
  kMicroseconds,
  kNanoseconds,
  kRfc3339
};

/// Unix nanoseconds. None before 1970 or after 2199, which leaves room to count from there, and for
/// a format of text only.
std::optional<int64_t> TimeOfInteger(TimeFormat format, int64_t value);
std::optional<int64_t> TimeOfNumber(TimeFormat format, double value);

/// The same of a text, RFC 3339 or a number. "2026-01-01 00:00:00Z", with a blank, will do; a time
/// without an offset counts as so many seconds ahead of UTC.
std::optional<int64_t> TimeOfText(TimeFormat format, absl::string_view text,
                                  int64_t utc_offset_s = 0);

/// Seconds ahead of UTC, of "+02:00", "-0530" or "Z"; none for anything else.
std::optional<int64_t> ParseUtcOffset(absl::string_view text);

}  // namespace millrace
