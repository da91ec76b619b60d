// SPDX-License-Identifier: Apache-2.0
#include "base/token_bucket.h"

#include <algorithm>

namespace millrace {

TokenBucket::TokenBucket(double per_second, double burst)
    : per_second_(per_second), burst_(burst), tokens_(burst) {}

void TokenBucket::Fill(absl::Time now) {
  if (now <= filled_) return;  // a clock that was set back fills nothing
  const double seconds = absl::ToDoubleSeconds(now - filled_);
  tokens_ = std::min(burst_, tokens_ + per_second_ * seconds);
  filled_ = now;
}

bool TokenBucket::Take(double tokens, absl::Time now) {
  Fill(now);
  if (tokens_ < tokens) return false;
  tokens_ -= tokens;
  return true;
}

absl::Duration TokenBucket::Until(double tokens, absl::Time now) {
  Fill(now);
  const double missing = std::min(tokens, burst_) - tokens_;
  return absl::Seconds(std::max(0.0, missing / per_second_));
}

absl::Duration TokenBucket::Spend(double tokens, absl::Time now) {
  Fill(now);
  tokens_ -= tokens;
  return absl::Seconds(std::max(0.0, -tokens_ / per_second_));
}

}  // namespace millrace
