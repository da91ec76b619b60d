// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/data/data_config.h"
#include "client/data/newest_rows.h"
#include "models/dataset.h"
#include "plan/plan.h"

namespace millrace {

/// The captures in `folder` that somebody has labelled, one unit each. Where the plan wants labels,
/// windows that share at least half of their rows with the one that called for the capture have it
/// (all windows, where there was none); where it learns the normal state, captures with the label 0
/// train whole, and no others. Those that are unlike newer ones of their machine, or what is in
/// `newest` already, do not train. Empty where none fits.
absl::StatusOr<std::vector<Series>> LoadCaptures(const DataConfig& config,
                                                 const std::string& folder, const Plan& plan,
                                                 NewestRows& newest);

}  // namespace millrace
