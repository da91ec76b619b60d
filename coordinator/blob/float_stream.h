// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace millrace {

/// Looks for values that are not to be aggregated in little-endian float32 values that arrive as
/// chunks of bytes; a value may straddle chunks. A copy continues on its own, so that a chunk can
/// be tried first.
class FloatStream {
 public:
  /// The index in the whole stream of the first value that no update may hold (NaN, infinite, or
  /// at least kUpdateBound, aggregation/weighted_sum.h), counting those that
  /// `bytes` completes. After a find the stream is of no further use.
  std::optional<int64_t> FindOutOfBound(std::span<const char> bytes);

 private:
  std::array<char, sizeof(float)> partial_{};  // the first partial_bytes_ of value elements_
  size_t partial_bytes_ = 0;
  int64_t elements_ = 0;  // whole values seen
};

}  // namespace millrace
