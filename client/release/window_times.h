// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/live/live_clock.h"
#include "client/release/time_limits.h"
#include "models/predictor.h"
#include "plan/plan.h"

namespace millrace {

// CANCELLED once `limits.halted`, else the errors of Predict.

/// Lets a model judge windows of noise until it is as quick as it gets, or `limits.measure_ns` are
/// over.
absl::Status WarmUp(Predictor& predictor, const InputPlan& input, const InstallLimits& limits,
                    LiveClock* clock);

/// Warms a model up and measures what it takes of `limits.batch` windows of noise: medians.
/// FAILED_PRECONDITION if it gives anything that is not finite.
absl::StatusOr<WindowTimes> MeasureTimes(Predictor& predictor, const InputPlan& input,
                                         const InstallLimits& limits, LiveClock* clock);

}  // namespace millrace
