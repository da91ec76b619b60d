// SPDX-License-Identifier: Apache-2.0
#include "client/inference/repeated_samples.h"

#include <algorithm>
#include <bit>

namespace millrace {
namespace {

/// What a link that broke as often may bring; more are of a clock that stands still between them.
constexpr int32_t kMostRepeats = 3;

/// Also of values that the source calls bad.
bool IsSameValue(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

}  // namespace

/// Whether its clock is still to be taken for a coarse one.
bool RepeatedSamples::IsCoarseAt(int64_t time_ns) {
  orderly_ = time_ns > newest_ns_ ? orderly_ + 1 : 0;
  newest_ns_ = std::max(newest_ns_, time_ns);
  if (orderly_ == kOrderly) Clear();
  return coarse_;
}

bool RepeatedSamples::Contains(int64_t time_ns, float value) {
  if (coarse_ && IsCoarseAt(time_ns)) return false;
  if (time_ns <= newest_ns_) {
    const auto same = std::ranges::find(known_, time_ns, &Sample::time_ns);
    if (same != known_.end()) {
      coarse_ = !IsSameValue(same->value, value) || ++same->repeats > kMostRepeats;
      return !coarse_;
    }
  }
  newest_ns_ = std::max(newest_ns_, time_ns);
  if (known_.size() < kKnown) {
    known_.push_back({time_ns, value, 0});
  } else {
    known_[oldest_] = {time_ns, value, 0};
    oldest_ = (oldest_ + 1) % kKnown;
  }
  return false;
}

void RepeatedSamples::Clear() {
  known_.clear();
  oldest_ = 0;
  newest_ns_ = std::numeric_limits<int64_t>::min();
  coarse_ = false;
  orderly_ = 0;
}

}  // namespace millrace
