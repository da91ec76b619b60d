// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace millrace {

/// Finds samples of one channel that come once more, with the same time and value: a broker
/// delivers again what was not acknowledged when its link broke. Knows the newest of them; what
/// comes again after kKnown others is not found. A channel whose clock is too coarse for that, so
/// that several of its samples have one time, is left alone until kOrderly in turn have times that
/// rise: one odd message does not make a clock coarse. Constant time; not thread-safe.
class RepeatedSamples {
 public:
  static constexpr size_t kKnown = 32;
  static constexpr int32_t kOrderly = 4096;

  /// Whether it has been here. What has not is known from now on.
  bool Contains(int64_t time_ns, float value);
  /// Nothing has been here.
  void Clear();

 private:
  bool IsCoarseAt(int64_t time_ns);

  struct Sample {
    int64_t time_ns = 0;
    float value = 0;
    int32_t repeats = 0;
  };

  std::vector<Sample> known_;  // a ring of kKnown, once there is a sample
  size_t oldest_ = 0;
  int64_t newest_ns_ = std::numeric_limits<int64_t>::min();
  bool coarse_ = false;
  int32_t orderly_ = 0;  // samples in turn whose times have risen, of a coarse clock
};

}  // namespace millrace
