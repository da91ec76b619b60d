// SPDX-License-Identifier: Apache-2.0
// A channel with faults whose places are known, to measure what validation finds of them.
#pragma once

#include <cstdint>
#include <vector>

#include "client/quality/channel_rules.h"
#include "client/quality/verdict.h"

namespace millrace::testing {

inline constexpr double kSignalPeriod = 0.1;  // seconds
inline constexpr double kSignalNoise = 0.1;   // deviation, of normal noise about a slow sine at 20

/// Steps [begin, end) are faulty; the rule may go on speaking up to `forgotten`.
struct FaultyPart {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t forgotten = 0;
};

struct FaultySignal {
  std::vector<float> values;
  std::vector<float> reference;  // of the same truth, with noise of its own
  std::vector<FaultyPart> faults;
};

/// The rules that fit the signal: each at six deviations of what it looks at, or as near.
ChannelRules SignalRules();

/// 36,000 steps with faults of the kind that `rule` is there for, from barely visible ones on;
/// kNone: none.
FaultySignal MakeFaultySignal(Rule rule, uint64_t seed);

/// What a rule found over many signals.
struct RuleScore {
  int64_t faults = 0;
  int64_t found = 0;         // faults within which the rule spoke
  int64_t spoken = 0;        // values that the rule flagged
  int64_t spoken_right = 0;  // of them in a fault, or where it could not yet have forgotten it
  double recall() const { return static_cast<double>(found) / static_cast<double>(faults); }
  double precision() const {
    return static_cast<double>(spoken_right) / static_cast<double>(spoken);
  }
};

/// Of `signals` signals with seeds from `seed` on.
RuleScore ScoreRule(Rule rule, int signals, uint64_t seed);

/// The final verdict on each value.
std::vector<Verdict> JudgeSignal(const ChannelRules& rules, double period_s,
                                 const std::vector<float>& values,
                                 const std::vector<float>& reference = {});

}  // namespace millrace::testing
