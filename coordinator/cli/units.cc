// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/units.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace millrace {
namespace {

/// A byte that begins a character in UTF-8.
bool BeginsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

std::string ScaledBytes(double bytes) {
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  size_t unit = 0;
  bytes /= 1000;
  // 999.5 would be printed as 1000.
  while (bytes >= 999.5 && unit + 1 < std::size(kUnits)) {
    bytes /= 1000;
    ++unit;
  }
  const int decimals = bytes < 9.995 ? 2 : bytes < 99.95 ? 1 : 0;
  return absl::StrFormat("%.*f %s", decimals, bytes, kUnits[unit]);
}

std::string TwoUnits(int64_t large, const char* large_unit, int64_t small, const char* small_unit) {
  const std::string text = absl::StrCat(large, " ", large_unit);
  return small == 0 ? text : absl::StrCat(text, " ", small, " ", small_unit);
}

}  // namespace

std::string HumanBytes(int64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  return ScaledBytes(static_cast<double>(bytes));
}

std::string HumanDuration(absl::Duration duration) {
  duration = std::max(duration, absl::ZeroDuration());
  // 99.5 ms would be printed as 100 ms.
  if (duration < absl::Microseconds(99'500)) {
    return absl::StrFormat("%.0f ms", absl::ToDoubleMilliseconds(duration));
  }
  // 59.95 s would be printed as 60.0 s.
  if (duration < absl::Milliseconds(59'950)) {
    return absl::StrFormat("%.1f s", absl::ToDoubleSeconds(duration));
  }
  const int64_t seconds = absl::ToInt64Seconds(duration + absl::Milliseconds(500));
  const int64_t minutes = seconds / 60;
  const int64_t hours = minutes / 60;
  if (hours == 0) return TwoUnits(minutes, "min", seconds % 60, "s");
  if (hours < 24) return TwoUnits(hours, "h", minutes % 60, "min");
  return TwoUnits(hours / 24, "d", hours % 24, "h");
}

std::string HumanRate(int64_t bytes, absl::Duration duration) {
  if (duration <= absl::ZeroDuration()) return kNothing;
  const double rate = static_cast<double>(bytes) / absl::ToDoubleSeconds(duration);
  return rate < 1000 ? absl::StrFormat("%.0f B/s", rate) : absl::StrCat(ScaledBytes(rate), "/s");
}

std::string HumanCount(int64_t count) {
  std::string digits = absl::StrCat(count);
  const size_t sign = count < 0 ? 1 : 0;
  for (size_t i = digits.size(); i > sign + 3;) {
    i -= 3;
    digits.insert(i, 1, ',');
  }
  return digits;
}

std::string HumanNumber(double value) {
  const double size = std::abs(value);
  if (size >= 999.5 && size < 1e9) return absl::StrFormat("%.0f", value);
  // With the flag 27 reads 27.0, but 446 reads "446.".
  const std::string text = absl::StrFormat("%#.3g", value);
  return std::string(absl::StripSuffix(text, "."));
}

std::string HumanTime(int64_t unix_ms, absl::TimeZone zone) {
  if (unix_ms == 0) return kNothing;
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMillis(unix_ms), zone);
}

std::string UtcTime(int64_t unix_ms) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", absl::FromUnixMillis(unix_ms),
                          absl::UTCTimeZone());
}

std::string ShortDigest(absl::string_view digest) {
  constexpr size_t kDigits = 12;
  return absl::BytesToHexString(digest).substr(0, kDigits);
}

size_t DisplayWidth(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), BeginsCharacter);
}

std::string Fit(absl::string_view text, size_t columns) {
  size_t width = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (BeginsCharacter(text[i]) && width++ == columns) return std::string(text.substr(0, i));
  }
  return std::string(text);
}

}  // namespace millrace
