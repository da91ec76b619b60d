// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "client/data/data_config.h"
#include "models/dataset.h"
#include "plan/plan.h"

namespace millrace {

/// Reads a site's data: raw values of the plan's channels, operating-mode cells, and labels as the
/// plan's [label] says (none for kind "none").
///
/// delimited: one series per unit, in the order of the units' first rows; several of the same
/// `unit` where missing = "drop" parted it. Units are named by the unit column, or by the file
/// without one; where `path` has a '*', "file:unit".
/// npy: one series per recording, named by its file. A mode column is one of the manifest.
/// store: series of the machines' recorded rows, parted by gaps and flagged values.
/// captures: series of the labelled captures.
///
/// INVALID_ARGUMENT for what is wrong with the data, and where they are known to have another rate
/// or another unit than the plan, NOT_FOUND for files that are not there,
/// RESOURCE_EXHAUSTED beyond max_bytes; messages name the file, its line and column, and the way
/// out; of them PublicText may leave the site. Never returns an empty list.
absl::StatusOr<std::vector<Series>> LoadSeries(const DataConfig& config, const Plan& plan);

}  // namespace millrace
