// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/time/time.h"

namespace millrace {

/// A rate with room for bursts: tokens come in steadily up to `burst` and are taken by what is to
/// be limited. Starts full. Not thread-safe.
class TokenBucket {
 public:
  /// Both above 0.
  TokenBucket(double per_second, double burst);

  /// Takes `tokens` if they are there.
  bool Take(double tokens, absl::Time now);
  /// How long until Take of as many could succeed; as for a full bucket if they are more than it
  /// holds.
  absl::Duration Until(double tokens, absl::Time now);
  /// Takes `tokens` whether they are there or not, and returns how long to wait for the balance.
  absl::Duration Spend(double tokens, absl::Time now);

 private:
  void Fill(absl::Time now);

  double per_second_;
  double burst_;
  double tokens_;
  absl::Time filled_ = absl::InfinitePast();
};

}  // namespace millrace
