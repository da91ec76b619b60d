// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace millrace::testing {

/// Asks again and again until `condition` holds; false if it does not within `patience`. For what
/// another process or thread brings about.
template <typename Condition>
bool Eventually(const Condition& condition, absl::Duration patience = absl::Seconds(60)) {
  for (const absl::Time deadline = absl::Now() + patience; absl::Now() < deadline;
       absl::SleepFor(absl::Milliseconds(20))) {
    if (condition()) return true;
  }
  return condition();
}

}  // namespace millrace::testing
