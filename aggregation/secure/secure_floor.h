// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "plan/plan.h"

namespace millrace {

/// What a site asks of every round by its own configuration, [secure], whatever the plan says: that
/// comes from the coordinator.
struct SecureFloor {
  SecureMode at_least = SecureMode::kHonestButCurious;
  int64_t minimum_cohort = 4;  // the smallest that it masks in
  int64_t corrupt = 0;         // members that it takes to work with the coordinator, at least
};

/// FAILED_PRECONDITION, naming both sides' keys, for a plan that protects less than `at_least`.
absl::Status CheckMode(const SecureFloor& floor, const SecurePlan& plan);

/// The smallest cohort of `sites` that the site masks in: the plan's, or its own if that is more.
int64_t FewestInCohort(const SecureFloor& floor, const SecurePlan& plan, int64_t sites);

/// OK if `corrupt` members, all of them among the `around` holders of this site's shares, do not
/// get to its secrets: they alone are fewer than the `threshold`, and under `malicious`, where the
/// coordinator may tell two halves of the honest ones different stories, fewer than any two sets of
/// so many have in common. FAILED_PRECONDITION otherwise, naming the keys.
absl::Status CheckThreshold(const SecureFloor& floor, const SecurePlan& plan, int64_t around,
                            int64_t threshold);

}  // namespace millrace
