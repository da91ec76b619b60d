// SPDX-License-Identifier: Apache-2.0
#include "base/life_sign.h"

#include <algorithm>

namespace millrace {

LifeSign::LifeSign(absl::Duration period, std::vector<const Heartbeat*> threads) : period_(period) {
  for (const Heartbeat* heart : threads) threads_.push_back({heart, heart->beats()});
}

bool LifeSign::Due(absl::Time now) {
  // A clock that was set back must not keep a daemon silent until it has caught up.
  if (now >= told_ && now - told_ < period_) return false;
  const auto beaten = [](const Watched& watched) {
    return watched.heart->beats() != watched.told_at;
  };
  if (!std::ranges::all_of(threads_, beaten)) return false;
  for (Watched& watched : threads_) watched.told_at = watched.heart->beats();
  told_ = now;
  return true;
}

}  // namespace millrace
