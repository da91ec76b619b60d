// SPDX-License-Identifier: Apache-2.0
#include "client/live/timestamps.h"

#include <cmath>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace millrace {
namespace {

constexpr int64_t kEndS = 7'258'118'400;  // 2200-01-01
constexpr int64_t kEndNs = kEndS * 1'000'000'000;

// How many nanoseconds one of `value` is; 0: a number does not fit the format.
int64_t UnitNs(TimeFormat format, double value) {
  constexpr double kLeastMilliseconds = 1e11;
  switch (format) {
    case TimeFormat::kSeconds:
      return 1'000'000'000;
    case TimeFormat::kMilliseconds:
      return 1'000'000;
    case TimeFormat::kMicroseconds:
      return 1'000;
    case TimeFormat::kNanoseconds:
      return 1;
    case TimeFormat::kRfc3339:
      return 0;
    case TimeFormat::kAuto:
      break;
  }
  if (value < kLeastMilliseconds) return 1'000'000'000;
  if (value < kLeastMilliseconds * 1e3) return 1'000'000;
  if (value < kLeastMilliseconds * 1e6) return 1'000;
  return 1;
}

}  // namespace

std::optional<int64_t> TimeOfInteger(TimeFormat format, int64_t value) {
  const int64_t unit = UnitNs(format, static_cast<double>(value));
  if (unit == 0 || value < 0 || value >= kEndNs / unit) {
    return std::nullopt;
  }
  return value * unit;
}

std::optional<int64_t> TimeOfNumber(TimeFormat format, double value) {
  const int64_t unit = UnitNs(format, value);
  const double ns = value * static_cast<double>(unit);
  if (unit == 0 || !(ns >= 0 && ns < static_cast<double>(kEndNs))) return std::nullopt;
  // The whole units exactly: a double has no room for the nanoseconds of a whole Unix time.
  const double whole = std::floor(value);
  return static_cast<int64_t>(whole) * unit +
         std::llround((value - whole) * static_cast<double>(unit));
}

std::optional<int64_t> TimeOfText(TimeFormat format, absl::string_view text, int64_t utc_offset_s) {
  if (format == TimeFormat::kAuto || format == TimeFormat::kRfc3339) {
    const absl::TimeZone zone = absl::FixedTimeZone(static_cast<int>(utc_offset_s));
    absl::Time time;
    for (const char* const pattern : {"%Y-%m-%d%ET%H:%M:%E*S%Ez", "%Y-%m-%d%ET%H:%M:%E*S",
                                      "%Y-%m-%d %H:%M:%E*S%Ez", "%Y-%m-%d %H:%M:%E*S"}) {
      std::string ignored;
      if (!absl::ParseTime(pattern, text, zone, &time, &ignored)) continue;
      const double seconds = absl::ToDoubleSeconds(time - absl::UnixEpoch());
      if (!(seconds >= 0 && seconds < static_cast<double>(kEndS))) return std::nullopt;
      return absl::ToUnixNanos(time);
    }
  }
  int64_t integer = 0;
  if (absl::SimpleAtoi(text, &integer)) return TimeOfInteger(format, integer);
  double number = 0;
  if (absl::SimpleAtod(text, &number)) return TimeOfNumber(format, number);
  return std::nullopt;
}

std::optional<int64_t> ParseUtcOffset(absl::string_view text) {
  constexpr int64_t kMost = 14 * 3600;  // ahead; 12 hours behind
  constexpr int64_t kLeast = -12 * 3600;
  absl::Time time;
  std::string ignored;
  const std::string dated = absl::StrCat("1970-01-02 00:00 ", text);
  if (!absl::ParseTime("%Y-%m-%d %H:%M %Ez", dated, &time, &ignored)) return std::nullopt;
  const int64_t offset = 86'400 - absl::ToUnixSeconds(time);
  if (offset < kLeast || offset > kMost) return std::nullopt;
  return offset;
}

}  // namespace millrace
