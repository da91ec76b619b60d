// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "client/store/stored_rows.h"

namespace millrace::testing {

inline constexpr int64_t kSecond = 1'000'000'000;

/// Rows of two channels, one a second from `first_s` on, whose values tell them apart.
inline StoredRows SomeRows(const std::string& machine, int64_t first_s, int64_t rows = 10) {
  StoredRows some{machine, {"current", "temperature"}, first_s * kSecond, kSecond, {}, {}, {}};
  for (int64_t row = 0; row < rows; ++row) {
    some.values.push_back(static_cast<float>(first_s + row));
    some.values.push_back(row == 1 ? -1 : 0.5F);
    some.flags.push_back(Flag::kPass);
    some.flags.push_back(row == 1 ? Flag::kFail : Flag::kPass);
  }
  return some;
}

}  // namespace millrace::testing
