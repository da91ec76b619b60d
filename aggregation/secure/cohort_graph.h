// SPDX-License-Identifier: Apache-2.0
// What both sides of a secure round draw from a plan and the cohort it got.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregation/secure/graph.h"
#include "base/crypto/digest.h"
#include "plan/plan.h"

namespace millrace {

/// Who masks with whom in a cohort of so many sites with this digest (transcript.h).
/// INVALID_ARGUMENT where the plan's levels cannot be had with so few sites.
absl::StatusOr<SecureGraph> GraphOf(const SecurePlan& plan, int64_t sites, const Digest& cohort);

/// INVALID_ARGUMENT, naming the key, for a plan whose cohort cannot be masked as it says: sums that
/// could overflow, levels that so few sites cannot give.
absl::Status CheckSecurePlan(const Plan& plan);

/// Of all sites, how many must be left for the sum of those to hide each of them: three beyond the
/// corrupt, and in a regular graph so many that those who are left hold together (E2 of
/// ChooseDegree), but for one graph in 2^security_bits. More may drop out than the plan expects,
/// and a site may assume more `corrupt` ones.
int64_t FewestInAll(const SecurePlan& plan, const SecureGraph& graph, int64_t corrupt = 0);

/// Of a site and its neighbours, `around` in all, how many must be left before it helps to unmask:
/// `threshold`, and in a complete graph enough to hide among.
int64_t FewestSurvivors(const SecurePlan& plan, int64_t around, int64_t threshold,
                        int64_t corrupt = 0);

}  // namespace millrace
