// SPDX-License-Identifier: Apache-2.0
#include "client/inference/alarm_explanations.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "client/live/live_clock.h"

namespace millrace {
namespace {

constexpr int64_t kExplainsNs = 10 * kNsPerS;
constexpr int64_t kAnewNs = kNsPerS;  // of a class that has one, when its alarm begins again

}  // namespace

const AlarmExplanation* AlarmExplanations::Of(int64_t predicted, int64_t now_ns) const {
  const auto found = std::ranges::find(kept_, predicted, &AlarmExplanation::predicted);
  if (found == kept_.end() || now_ns - found->asked_ns >= kExplainsNs) return nullptr;
  return &*found;
}

bool AlarmExplanations::IsDue(int64_t predicted, int64_t now_ns) {
  const bool begins = !in_alarm_ || predicted_ != predicted;
  in_alarm_ = true;
  predicted_ = predicted;
  if (Of(predicted, now_ns) == nullptr) return firsts_.Take(1, absl::FromUnixNanos(now_ns));
  const auto last = std::ranges::max_element(kept_, {}, &AlarmExplanation::asked_ns);
  return begins && now_ns - last->asked_ns >= kAnewNs;
}

void AlarmExplanations::Keep(AlarmExplanation explanation) {
  const auto same = std::ranges::find(kept_, explanation.predicted, &AlarmExplanation::predicted);
  if (same != kept_.end()) {
    *same = std::move(explanation);
  } else if (kept_.size() < kMostAtOnce) {
    kept_.push_back(std::move(explanation));
  } else {
    *std::ranges::min_element(kept_, {}, &AlarmExplanation::asked_ns) = std::move(explanation);
  }
}

}  // namespace millrace
