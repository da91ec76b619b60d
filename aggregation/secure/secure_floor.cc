// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/secure_floor.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace millrace {

absl::Status CheckMode(const SecureFloor& floor, const SecurePlan& plan) {
  static_assert(SecureMode::kOff < SecureMode::kHonestButCurious &&
                SecureMode::kHonestButCurious < SecureMode::kMalicious);
  if (plan.mode >= floor.at_least) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the plan has secure_aggregation = \"", Name(plan.mode),
                   "\" and this site's configuration [secure] at_least = \"", Name(floor.at_least),
                   "\"; change either"));
}

int64_t FewestInCohort(const SecureFloor& floor, const SecurePlan& plan, int64_t sites) {
  return std::max(plan.Fewest(sites, floor.corrupt), floor.minimum_cohort);
}

absl::Status CheckThreshold(const SecureFloor& floor, const SecurePlan& plan, int64_t around,
                            int64_t threshold) {
  const int64_t out_of_reach =
      plan.mode == SecureMode::kMalicious ? 2 * threshold - around : threshold;
  if (floor.corrupt == 0 || floor.corrupt < out_of_reach) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      threshold, " of ", around, " shares give a secret, which is within reach of ", floor.corrupt,
      " corrupt sites ([secure] corrupt in this site's configuration); raise the plan's [secure] "
      "corrupt_share"));
}

}  // namespace millrace
