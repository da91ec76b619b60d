// SPDX-License-Identifier: Apache-2.0
#include "client/operation/training_brake.h"

namespace millrace {

bool TrainingBrake::Decide(std::optional<double> p99_ns, int64_t now_ns) {
  const auto budget = static_cast<double>(options_.budget_ns);
  const double share = p99_ns.value_or(0) / budget;
  const bool turns = held_ ? share < options_.calm_share : share > options_.danger_share;
  if (!turns) {
    since_ns_.reset();
  } else if (!since_ns_) {
    since_ns_ = now_ns;
  }
  const int64_t in_state_ns = now_ns - changed_ns_;
  if (given_up_ && in_state_ns < options_.longest_ns) return false;
  const bool for_long_enough =
      since_ns_ && now_ns - *since_ns_ >= (held_ ? options_.calm_ns : options_.danger_ns);
  const bool in_vain = held_ && in_state_ns >= options_.longest_ns;
  if (!for_long_enough && !in_vain) return held_;
  given_up_ = in_vain && share > options_.danger_share;
  held_ = !held_;
  changed_ns_ = now_ns;
  since_ns_.reset();
  return held_;
}

}  // namespace millrace
