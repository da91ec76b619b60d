// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace millrace {

inline constexpr int kMaxKeyParts = 16;

/// INVALID_ARGUMENT, with the line, for a TOML key of more than kMaxKeyParts dotted parts. toml++
/// 3.3 makes a nested table of each part and frees them recursively, so that one line of `a.a.a...`
/// could exhaust the stack; nesting of arrays and inline tables it bounds itself.
absl::Status CheckKeyDepth(absl::string_view text);

}  // namespace millrace
