// SPDX-License-Identifier: Apache-2.0
// At what rate and in what units values come, as plans, sites and recordings say it. There is no
// algebra of units: two are the same if they are spelled alike.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "plan/toml_reader.h"

namespace millrace {

/// Of rows, per second.
inline constexpr DoubleRange kRatesHz{.min = 1e-4, .max = 1e6};

/// To a hundred-thousandth, so that 16.66667 is 50 / 3; clocks are off by more.
bool IsSameRate(double one_hz, double other_hz);
/// The same of rows that lie a whole number of nanoseconds apart.
bool HasPeriod(double rate_hz, int64_t period_ns);

/// Whether both are said, and differ.
bool IsOtherUnit(absl::string_view one, absl::string_view other);

/// Reads a unit such as "m/s^2", without the blanks around it. Empty: none is said.
bool ReadUnit(TomlTable& table, absl::string_view key, std::string* unit);
/// Reads units likewise.
bool ReadUnits(TomlTable& table, absl::string_view key, std::vector<std::string>* units);

}  // namespace millrace
