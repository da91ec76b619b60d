// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace {

/// Notices that a connection which looks well brings nothing any more. Not thread-safe.
class Watchdog {
 public:
  enum class Advice { kNothing, kResubscribe, kReconnect };

  /// `patience_ns`: the longest silence; 0: any silence is well.
  explicit Watchdog(int64_t patience_ns) : patience_ns_(patience_ns) {}

  /// A message came, or a connection is new. Times are a monotonic clock's.
  void Heard(int64_t now_ns) {
    heard_ns_ = now_ns;
    asked_again_ = false;
  }

  /// After one patience of silence the subscription is asked for again, after two the connection is
  /// made anew.
  Advice Check(int64_t now_ns) {
    if (patience_ns_ == 0) return Advice::kNothing;
    const int64_t silent_ns = now_ns - heard_ns_;
    if (silent_ns > 2 * patience_ns_) return Advice::kReconnect;
    if (silent_ns <= patience_ns_ || asked_again_) return Advice::kNothing;
    asked_again_ = true;
    return Advice::kResubscribe;
  }

 private:
  const int64_t patience_ns_;
  int64_t heard_ns_ = 0;
  bool asked_again_ = false;
};

}  // namespace millrace
