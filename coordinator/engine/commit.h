// SPDX-License-Identifier: Apache-2.0
// From the sum of a round's updates to the next model: streamed chunk by chunk from blobs to blobs,
// so that memory does not grow with the optimiser's state.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregation/weighted_sum.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/round/types.h"

namespace millrace {

/// The weighted mean of a round's deltas, read piece by piece.
struct RoundMean {
  int64_t parameters = 0;
  std::function<void(int64_t offset, std::span<float> mean)> read;
};
/// `sum` outlives the mean.
RoundMean MeanOf(const WeightedSum& sum);

struct NextModel {
  Digest parameters;
  std::vector<Digest> optimizer_state;
};

/// Applies the plan's server optimiser to `from` with the mean of the deltas. ABORTED if a
/// parameter of the new model would not be finite; the blob store's errors otherwise. Doing it
/// again gives the same digests.
absl::StatusOr<NextModel> CommitModel(const ServerPlan& plan, const ModelVersion& from,
                                      const RoundMean& mean, BlobStore& blobs);

/// What the decoded statistics of a finished round say: the scaling, or metrics by name.
struct RoundResult {
  std::optional<Scaling> scaling;
  std::map<std::string, double> metrics;
};
/// `statistics` are the decoded sums in StatisticsCount's order.
absl::StatusOr<RoundResult> ReadStatistics(const Plan& plan, TaskKind task,
                                           std::span<const double> statistics);

/// OK if the decoded statistics of `updates` sites, added up, can be true: finite, counts whole and
/// not negative, at most max_weight for each site where they count examples and 2^40 where they
/// count rows, the same for all channels of an operating mode. INVALID_ARGUMENT says which number
/// is not.
absl::Status CheckStatistics(const Plan& plan, TaskKind task, std::span<const double> statistics,
                             int64_t updates = 1);

/// OK if the L2 norm of a delta is within [update] clip_norm, but for the rounding of whoever
/// clipped it. INVALID_ARGUMENT says what it is.
absl::Status CheckNorm(const UpdatePlan& plan, double norm);

}  // namespace millrace
