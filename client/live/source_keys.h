// SPDX-License-Identifier: Apache-2.0
// What several kinds of [[source]] spell alike.
#pragma once

#include "client/live/timestamps.h"
#include "plan/toml_reader.h"

namespace millrace {

inline constexpr NamedValue<TimeFormat> kTimeFormats[] = {
    {"auto", TimeFormat::kAuto},       {"s", TimeFormat::kSeconds},
    {"ms", TimeFormat::kMilliseconds}, {"us", TimeFormat::kMicroseconds},
    {"ns", TimeFormat::kNanoseconds},  {"rfc3339", TimeFormat::kRfc3339}};

inline constexpr NamedValue<bool> kByteOrders[] = {{"little", false}, {"big", true}};

inline constexpr DoubleRange kRates{.min = 0.001, .max = 1e7};
inline constexpr double kLongestSeconds = 86'400 * 30;

}  // namespace millrace
