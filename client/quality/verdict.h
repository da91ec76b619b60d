// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "client/quality/flag.h"

namespace millrace {

/// Which rule spoke.
enum class Rule : uint8_t {
  kNone,  // passed, or there was nothing to check with
  kMissing,
  kNotFinite,     // an infinity
  kRange,         // outside the sensor's range
  kSpan,          // outside the operator's span
  kStuck,         // the same for too long
  kRateOfChange,  // too fast from the value before
  kSpike,         // off the line between its neighbours
  kNoiseLow,      // deviates less than the channel's noise: attenuated
  kNoiseHigh,
  kReference  // its mean has drifted off the reference channel's
};
inline constexpr int kRules = 11;

/// "rate_of_change" and the like, for logs and reports.
absl::string_view NameOf(Rule rule);
/// "pass", "not_evaluated", "suspect", "fail", "missing".
absl::string_view NameOf(Flag flag);

/// A flag and the rule that raised it.
struct Verdict {
  Flag flag = Flag::kNotEvaluated;
  Rule rule = Rule::kNone;

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

/// The one that counts for both; the first of equals.
constexpr Verdict Worst(Verdict a, Verdict b) { return b.flag > a.flag ? b : a; }

}  // namespace millrace
