// SPDX-License-Identifier: Apache-2.0
// The one way a run changes: Apply, a pure function of the state and an event.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregation/layout.h"
#include "aggregation/secure/masked_vector.h"
#include "coordinator/round/types.h"

namespace millrace {

/// OK if `event` may follow in this state. FAILED_PRECONDITION or ALREADY_EXISTS otherwise, naming
/// run, round and site.
absl::Status CanApply(const RunState& run, const Event& event);

/// The state after `event`; CanApply must have agreed.
void Apply(RunState& run, const Event& event);

/// A run from its first event, which must be RunStarted. INVALID_ARGUMENT if its plan does not
/// parse.
absl::StatusOr<RunState> StartOf(const std::string& run_id, const Event& event);

/// What a site announces before it sends an update.
struct UpdateClaim {
  RoundId round;
  std::string site;
  int64_t bytes = 0;
  Digest layout;
  double weight = 0;
  bool masked = false;  // of a secure round
};

/// OK if the open round of `run` wants this update. `layout` is the model's. FAILED_PRECONDITION
/// for another round (stale or future), one that is over, a site outside the cohort, or a secure
/// round that is not in its masking phase or went on without the site; INVALID_ARGUMENT for a wrong
/// length or layout or a weight that is not in (0, max_weight]. The weight of a masked update is
/// inside it: its claim says 0.
absl::Status CheckUpdate(const RunState& run, const Layout& layout, const UpdateClaim& claim);

/// float32 elements of an update in this round: the weighted section (the model's parameters in a
/// training round, else 0) and the statistics behind it.
struct UpdateShape {
  int64_t parameters = 0;
  int64_t statistics = 0;
  int64_t bytes() const { return 4 * (parameters + statistics); }
};
UpdateShape ShapeOf(const Plan& plan, TaskKind task, const Layout& layout);
/// The same under masks.
MaskedShape MaskedShapeOf(const Plan& plan, const UpdateShape& shape);

}  // namespace millrace
