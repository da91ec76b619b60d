// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "base/check.h"

namespace millrace {

/// The last `rows` rows of a stream, always as one piece of memory: each row is written twice, half
/// the ring apart.
template <typename T>
class WindowRing {
 public:
  WindowRing(int64_t rows, int64_t width) : rows_(rows), width_(width), values_(2 * rows * width) {}

  /// `row`: [width].
  void Push(std::span<const T> row) {
    MR_CHECK(static_cast<int64_t>(row.size()) == width_);
    std::ranges::copy(row, values_.begin() + at_ * width_);
    std::ranges::copy(row, values_.begin() + (at_ + rows_) * width_);
    at_ = at_ + 1 == rows_ ? 0 : at_ + 1;
    filled_ = std::min(filled_ + 1, rows_);
  }
  void Clear() { filled_ = 0; }

  bool full() const { return filled_ == rows_; }
  /// [rows, width], oldest first; only when full().
  std::span<const T> window() const {
    return std::span<const T>(values_).subspan(at_ * width_, rows_ * width_);
  }

 private:
  int64_t rows_;
  int64_t width_;
  std::vector<T> values_;
  int64_t at_ = 0;  // where the next row goes
  int64_t filled_ = 0;
};

}  // namespace millrace
