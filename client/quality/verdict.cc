// SPDX-License-Identifier: Apache-2.0
#include "client/quality/verdict.h"

#include "base/check.h"

namespace millrace {

absl::string_view NameOf(Rule rule) {
  constexpr absl::string_view kNames[kRules] = {
      "none",           "missing", "not_finite", "range",      "span",     "stuck",
      "rate_of_change", "spike",   "noise_low",  "noise_high", "reference"};
  const auto index = static_cast<size_t>(rule);
  MR_CHECK(index < kRules);
  return kNames[index];
}

absl::string_view NameOf(Flag flag) {
  switch (flag) {
    case Flag::kPass:
      return "pass";
    case Flag::kNotEvaluated:
      return "not_evaluated";
    case Flag::kSuspect:
      return "suspect";
    case Flag::kFail:
      return "fail";
    case Flag::kMissing:
      return "missing";
  }
  MR_CHECK(false);
}

}  // namespace millrace
