// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/cohort_graph.h"

#include <algorithm>
#include <cmath>

#include "aggregation/secure/graph_parameters.h"
#include "aggregation/secure/masked_vector.h"
#include "base/status.h"

namespace millrace {

namespace {

// A corrupt site's keys count in the deal of the groups, and a coordinator that lies may try deals
// for as long as it likes: so many that none may suit it.
constexpr int64_t kGroupBitsAgainstLies = 80;

}  // namespace

absl::StatusOr<SecureGraph> GraphOf(const SecurePlan& plan, int64_t sites, const Digest& cohort) {
  if (plan.graph == MaskGraph::kRegular) {
    MR_ASSIGN_OR_RETURN(const GraphParameters parameters,
                        ChooseDegree(sites, plan.corrupt_share, plan.dropout_share,
                                     static_cast<double>(plan.security_bits),
                                     static_cast<double>(plan.correctness_bits)));
    return SecureGraph::Regular(sites, parameters.degree, parameters.threshold, cohort);
  }
  const int64_t bits = plan.mode == SecureMode::kMalicious
                           ? std::max(plan.security_bits, kGroupBitsAgainstLies)
                           : plan.security_bits;
  return SecureGraph::Groups(sites, kLargestCompleteCohort, plan.corrupt_share,
                             static_cast<double>(bits), cohort);
}

absl::Status CheckSecurePlan(const Plan& plan) {
  if (!plan.secure.on()) return absl::OkStatus();
  if (const absl::Status status = FixedPointOf(plan).status(); !status.ok()) {
    return Annotate(status, "[secure] bits, bound");
  }
  return Annotate(GraphOf(plan.secure, plan.cohort.target, Digest()).status(), "[secure] graph");
}

int64_t FewestInAll(const SecurePlan& plan, const SecureGraph& graph, int64_t corrupt) {
  const int64_t sites = graph.sites(), all_corrupt = std::max(corrupt, plan.Corrupt(sites));
  const int64_t degree = std::ssize(graph.neighbors(0));
  int64_t fewest = plan.Fewest(sites, corrupt);
  if (plan.graph != MaskGraph::kRegular || degree == sites - 1) return fewest;
  const LogBinomials binomials(sites);
  const double insecure = std::exp2(-static_cast<double>(plan.security_bits));
  while (fewest < sites &&
         DisconnectionBound(binomials, sites, degree,
                            std::min(sites, all_corrupt + sites - fewest)) > insecure) {
    ++fewest;
  }
  return fewest;
}

int64_t FewestSurvivors(const SecurePlan& plan, int64_t around, int64_t threshold,
                        int64_t corrupt) {
  if (plan.graph == MaskGraph::kRegular) return threshold;
  return std::max(threshold, plan.Fewest(around, corrupt));
}

}  // namespace millrace
