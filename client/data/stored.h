// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "client/data/data_config.h"
#include "client/data/newest_rows.h"
#include "models/dataset.h"
#include "plan/plan.h"

namespace millrace {

/// LoadSeries for DataConfig of kind store: what the daemon has recorded of the site's machines,
/// one unit per machine. `newest` learns what they are like.
absl::StatusOr<std::vector<Series>> LoadStored(const DataConfig& config, const Plan& plan,
                                               NewestRows& newest);

}  // namespace millrace
