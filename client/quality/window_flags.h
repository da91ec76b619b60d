// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "client/quality/verdict.h"

namespace millrace {

/// What the verdicts in a window come to: as values enter and leave, in constant time.
class WindowFlags {
 public:
  void Add(Verdict verdict) { Count(verdict, +1); }
  /// One that was added.
  void Remove(Verdict verdict) { Count(verdict, -1); }
  /// The later verdict on a value that is in the window.
  void Replace(Verdict before, Verdict after) {
    Remove(before);
    Add(after);
  }

  /// The worst flag in the window, with the rule that raised it most often; kNotEvaluated while the
  /// window is empty.
  Verdict worst() const;
  /// The share of values that are suspect, failed or missing; 0 while the window is empty.
  double flagged_share() const;
  int32_t size() const { return size_; }

 private:
  static constexpr int kFlags = 5;

  void Count(Verdict verdict, int32_t change);

  // By flag, in ascending order, and rule.
  std::array<std::array<int32_t, kRules>, kFlags> counts_{};
  std::array<int32_t, kFlags> totals_{};
  int32_t size_ = 0;
};

}  // namespace millrace
