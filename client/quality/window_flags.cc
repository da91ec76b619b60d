// SPDX-License-Identifier: Apache-2.0
#include "client/quality/window_flags.h"

#include <algorithm>

namespace millrace {
namespace {

constexpr std::array<Flag, 5> kAscending = {Flag::kPass, Flag::kNotEvaluated, Flag::kSuspect,
                                            Flag::kFail, Flag::kMissing};
constexpr size_t kSuspectIndex = 2;

constexpr size_t IndexOf(Flag flag) {
  return flag == Flag::kMissing ? 4 : static_cast<size_t>(flag) - 1;
}
static_assert(IndexOf(kAscending[0]) == 0 && IndexOf(kAscending[1]) == 1 &&
              IndexOf(kAscending[2]) == kSuspectIndex && IndexOf(kAscending[3]) == 3);

}  // namespace

void WindowFlags::Count(Verdict verdict, int32_t change) {
  const size_t flag = IndexOf(verdict.flag);
  counts_[flag][static_cast<size_t>(verdict.rule)] += change;
  totals_[flag] += change;
  size_ += change;
}

Verdict WindowFlags::worst() const {
  for (size_t flag = kFlags; flag-- > 0;) {
    if (totals_[flag] == 0) continue;
    const auto& rules = counts_[flag];
    const auto most = std::max_element(rules.begin(), rules.end()) - rules.begin();
    return {kAscending[flag], static_cast<Rule>(most)};
  }
  return {};
}

double WindowFlags::flagged_share() const {
  if (size_ == 0) return 0;
  int32_t flagged = 0;
  for (size_t flag = kSuspectIndex; flag < kFlags; ++flag) flagged += totals_[flag];
  return static_cast<double>(flagged) / size_;
}

}  // namespace millrace
