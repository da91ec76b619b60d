// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace {

/// What validation says of a value or a window: the flags of QARTOD (U.S. IOOS, Manual for
/// Real-Time Quality Control, 2020), whose numbers these are. A window's flag is the worst of its
/// values'; kMissing outranks kFail, which outranks kSuspect.
enum class Flag : uint8_t { kPass = 1, kNotEvaluated = 2, kSuspect = 3, kFail = 4, kMissing = 9 };

}  // namespace millrace
