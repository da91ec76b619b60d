// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "aggregation/weighted_sum.h"
#include "coordinator/engine/uploads.h"
#include "coordinator/round/types.h"
#include "coordinator/round/update.h"

namespace millrace {

/// Folds the staged updates of one round into its sum, in the cohort's order whatever order they
/// arrived in, so that the same updates give the same model bit for bit. Not thread-safe.
class RoundFold {
 public:
  /// `uploads` outlives the object.
  RoundFold(const RoundId& round, const UpdateShape& shape, Uploads* uploads);

  /// Folds what can be folded now: while the round is open, updates up to the first site of the
  /// cohort that may still send one; once it is closed, all that are in. A staged update that
  /// cannot be read back is an error, and the fold is spoilt.
  absl::Status Advance(const RoundState& round);

  const RoundId& round() const { return round_; }
  const WeightedSum& sum() const { return sum_; }

 private:
  absl::Status FoldOne(const Contribution& contribution);

  const RoundId round_;
  Uploads* const uploads_;
  WeightedSum sum_;
  size_t next_ = 0;  // index into the cohort
  std::vector<float> chunk_;
};

}  // namespace millrace
