// SPDX-License-Identifier: Apache-2.0
// Numbers and texts as a person reads them in a terminal.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace millrace {

/// What stands for a value that there is not.
inline constexpr char kNothing[] = "-";

/// "512 B", "1.50 kB", "37.6 MB": three digits, powers of 1000.
std::string HumanBytes(int64_t bytes);
/// "12 ms", "3.1 s", "5 min 3 s", "2 h", "3 d 4 h"; negative durations read as 0.
std::string HumanDuration(absl::Duration duration);
/// "37.6 MB/s"; kNothing where no time has passed.
std::string HumanRate(int64_t bytes, absl::Duration duration);
/// "12,345,678".
std::string HumanCount(int64_t count);
/// Three significant digits without an exponent where that is short: "0.0123", "14.2", "1240".
std::string HumanNumber(double value);
/// "2026-01-31 17:05:09" in `zone`; kNothing for 0, which the protocol uses for "not yet".
std::string HumanTime(int64_t unix_ms, absl::TimeZone zone);
/// "2026-01-31T17:05:09.250Z".
std::string UtcTime(int64_t unix_ms);

/// The first 12 hexadecimal digits of a digest's bytes, enough to tell versions apart.
std::string ShortDigest(absl::string_view digest);

/// Columns that a terminal needs for `text`, UTF-8: its characters.
size_t DisplayWidth(absl::string_view text);
/// `text` cut to at most `columns` characters.
std::string Fit(absl::string_view text, size_t columns);

}  // namespace millrace
