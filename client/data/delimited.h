// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "client/data/data_config.h"
#include "models/dataset.h"
#include "plan/plan.h"

namespace millrace {

/// Reads the files of kind = "delimited"; see LoadSeries.
absl::StatusOr<std::vector<Series>> LoadDelimited(const DataConfig& config, const Plan& plan);

}  // namespace millrace
