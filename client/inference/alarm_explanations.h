// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/token_bucket.h"
#include "client/inference/machine_verdict.h"

namespace millrace {

/// What an alarm was put down to.
struct AlarmExplanation {
  int64_t predicted = -1;            // the class that it explains
  int64_t asked_ns = 0;              // the model, monotonic
  int64_t time_ns = 0;               // of the window that it explains
  std::vector<ChannelShare> shares;  // empty: it failed
  double gap = 0;
};

/// When one machine's model is to be asked for an explanation, which takes it as long as dozens of
/// windows, and what it has said lately. An alarm that begins or turns into another class is
/// explained at once, one that lasts again after ten seconds. However alarms flap, the model is
/// asked no more than kMostAtOnce times at once and twice a second in the long run. Not
/// thread-safe.
class AlarmExplanations {
 public:
  static constexpr size_t kMostAtOnce = 8;  // classes

  /// The next window is an alarm of this class: whether the model is to be asked, for Keep.
  /// `now_ns`: monotonic, as below.
  bool IsDue(int64_t predicted, int64_t now_ns);
  void Keep(AlarmExplanation explanation);
  /// The next window is no alarm.
  void End() { in_alarm_ = false; }
  /// What explains an alarm of this class now; null: there is none of the last ten seconds.
  const AlarmExplanation* Of(int64_t predicted, int64_t now_ns) const;

 private:
  bool in_alarm_ = false;               // as the last window was judged
  int64_t predicted_ = -1;              // then
  std::vector<AlarmExplanation> kept_;  // one of a class
  TokenBucket firsts_{1, kMostAtOnce};  // explanations of classes that have none
};

}  // namespace millrace
