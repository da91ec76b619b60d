// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "absl/strings/string_view.h"

namespace millrace {

/// Seeded randomness that gives the same numbers on every machine and library: xoshiro256**
/// (Blackman and Vigna 2018) seeded through SplitMix64. Not for secrets. Not thread-safe.
class Random {
 public:
  explicit Random(uint64_t seed);

  uint64_t Next();
  /// Uniform in [0, 1), 53 random bits.
  double Uniform();
  /// Uniform in [0, bound); bound > 0. Unbiased (Lemire 2019).
  uint64_t Below(uint64_t bound);
  /// Mean 0, variance 1 (Marsaglia's polar method).
  double Normal();

  /// An independent generator for one purpose: the same seed and label give the same stream,
  /// however much of this one was used.
  Random Fork(absl::string_view label) const;

  /// Fisher-Yates.
  template <typename T>
  void Shuffle(std::span<T> values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[Below(i)]);
  }

 private:
  uint64_t seed_;
  uint64_t state_[4];
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace millrace
