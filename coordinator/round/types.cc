// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/types.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace millrace {

std::string ToString(const RoundId& id) {
  return absl::StrCat(id.run, " round ", id.round, " attempt ", id.attempt);
}

bool RoundState::Invited(const std::string& site) const {
  return std::binary_search(cohort.begin(), cohort.end(), site);
}

int64_t RoundState::Outstanding() const {
  return static_cast<int64_t>(cohort.size()) - static_cast<int64_t>(contributions.size()) -
         static_cast<int64_t>(failures.size());
}

const RoundState* RunState::Current() const {
  if (rounds.empty()) return nullptr;
  const RoundPhase phase = rounds.back().phase;
  return phase == RoundPhase::kOpen || phase == RoundPhase::kClosed ? &rounds.back() : nullptr;
}

}  // namespace millrace
