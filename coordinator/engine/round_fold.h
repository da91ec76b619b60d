// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "aggregation/secure/masked_vector.h"
#include "aggregation/weighted_sum.h"
#include "coordinator/engine/uploads.h"
#include "coordinator/round/types.h"
#include "coordinator/round/update.h"

namespace millrace {

/// Folds the staged updates of one round into its sum: weighted, in the cohort's order whatever
/// order they arrived in, so that the same updates give the same model bit for bit; or masked,
/// where the order makes no difference. Not thread-safe.
class RoundFold {
 public:
  /// `uploads` outlives the object.
  RoundFold(const RoundId& round, const UpdateShape& shape, Uploads* uploads);
  RoundFold(const RoundId& round, const MaskedShape& shape, Uploads* uploads);

  /// Folds what can be folded now: while the round is open, updates up to the first site of the
  /// cohort that may still send one; once it is closed, all that are in. A staged update that
  /// cannot be read back is an error, and the fold is spoilt. `on_folded` is called after each.
  absl::Status Advance(
      const RoundState& round, const std::function<void()>& on_folded = [] {});

  const RoundId& round() const { return round_; }
  /// Of a round in the clear.
  const WeightedSum& sum() const { return std::get<WeightedSum>(sum_); }
  /// Of a secure one, masks and all.
  const MaskedSum& masked_sum() const { return std::get<MaskedSum>(sum_); }

 private:
  absl::Status FoldOne(const Contribution& contribution);
  absl::Status FoldClear(const Contribution& contribution, Upload& upload, WeightedSum& sum);
  absl::Status FoldMasked(Upload& upload, MaskedSum& sum);

  const RoundId round_;
  Uploads* const uploads_;
  std::variant<WeightedSum, MaskedSum> sum_;
  size_t next_ = 0;  // index into the cohort
};

}  // namespace millrace
