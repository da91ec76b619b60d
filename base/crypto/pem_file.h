// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace {

/// What a file of certificates or of a key may hold at most.
inline constexpr int64_t kMaxPemBytes = int64_t{1} << 20;

}  // namespace millrace
