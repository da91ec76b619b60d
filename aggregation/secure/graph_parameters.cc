// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/graph_parameters.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "plan/plan.h"

namespace millrace {
namespace {

// The smallest t with P[X >= t] <= budget.
int64_t SmallestThreshold(const Hypergeometric& corrupt_neighbors, double budget) {
  int64_t threshold = corrupt_neighbors.largest() + 1;
  double tail = 0;
  while (threshold > 0) {
    tail += corrupt_neighbors.Probability(threshold - 1);
    if (tail > budget) break;
    --threshold;
  }
  return threshold;
}

absl::Status CheckArguments(double corrupt_share, double dropout_share, double security_bits,
                            double correctness_bits) {
  if (!(corrupt_share >= 0 && corrupt_share < 1 && dropout_share >= 0 && dropout_share < 1)) {
    return absl::InvalidArgumentError(absl::StrCat("corrupt and dropout shares ", corrupt_share,
                                                   " and ", dropout_share,
                                                   ": must be at least 0 and below 1"));
  }
  if (!(security_bits > 0 && correctness_bits > 0)) {
    return absl::InvalidArgumentError(absl::StrCat("security and correctness bits ", security_bits,
                                                   " and ", correctness_bits, ": must be above 0"));
  }
  return absl::OkStatus();
}

}  // namespace

GraphParameters CompleteGraph(int64_t sites, double corrupt_share) {
  const int64_t corrupt = AssumedCorrupt(sites, corrupt_share);
  MR_CHECK(corrupt < sites);
  return {.degree = sites - 1, .threshold = (sites + corrupt) / 2 + 1};
}

GraphParameters CompleteGroup(int64_t sites, int64_t group, double corrupt_share,
                              double security_bits) {
  const LogBinomials binomials(sites);
  const double groups = static_cast<double>(sites) / static_cast<double>(group);
  const int64_t corrupt =
      SmallestThreshold({binomials, sites, AssumedCorrupt(sites, corrupt_share), group},
                        std::exp2(-security_bits) / groups) -
      1;
  MR_CHECK(corrupt < group);
  return {.degree = group - 1, .threshold = (group + corrupt) / 2 + 1};
}

absl::StatusOr<GraphParameters> ChooseDegree(int64_t sites, double corrupt_share,
                                             double dropout_share, double security_bits,
                                             double correctness_bits) {
  MR_RETURN_IF_ERROR(CheckArguments(corrupt_share, dropout_share, security_bits, correctness_bits));
  const int64_t others = sites - 1;
  const int64_t corrupt = AssumedCorrupt(sites, corrupt_share);
  const int64_t dropped = CeilShare(dropout_share, sites);
  const int64_t staying = std::min(sites - dropped, others);
  if (corrupt >= staying) {
    return absl::InvalidArgumentError(
        absl::StrCat("of ", sites, " sites ", corrupt, " are corrupt and ", dropped,
                     " drop out: no threshold is safe and within reach"));
  }
  const auto n = static_cast<double>(sites);
  const double insecure = std::exp2(-security_bits), incorrect = std::exp2(-correctness_bits);
  const LogBinomials binomials(sites);
  for (int64_t degree = 2; degree < others; degree += 2) {
    const double apart = DisconnectionBound(binomials, sites, degree, corrupt + dropped);
    if (apart > insecure) continue;
    const int64_t threshold =
        SmallestThreshold({binomials, others, corrupt, degree}, (insecure - apart) / n);
    const Hypergeometric staying_neighbors(binomials, others, staying, degree);
    if (n * staying_neighbors.Below(threshold) <= incorrect) {
      return GraphParameters{degree, threshold};
    }
  }
  return GraphParameters{others, corrupt + 1};  // everybody: nothing is left to chance
}

double DisconnectionBound(const LogBinomials& binomials, int64_t sites, int64_t degree,
                          int64_t removed) {
  MR_CHECK(degree % 2 == 0 && degree < sites - 1 && removed <= sites);
  if (removed < degree) return 0;
  const auto n = static_cast<double>(sites);
  const double pairs = n * (n - static_cast<double>(degree) - 1) / 2;
  return pairs * std::exp(binomials(sites - degree, removed - degree) - binomials(sites, removed));
}

}  // namespace millrace
