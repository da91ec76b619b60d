// SPDX-License-Identifier: Apache-2.0
// What the training programs know of a site: its name, its data, where its test data lie.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/data/data_config.h"
#include "models/dataset.h"
#include "plan/plan.h"

namespace millrace {

struct Site {
  std::string name;
  std::vector<Series> series;      // raw, as LoadSeries reads them
  std::optional<DataConfig> test;  // read when a model is evaluated
  int64_t members = 1;             // sites whose data these are, more than 1 after Pool
};

/// Reads the sites' files (client/config.h, tables [site], [data], [test]) and their training data.
/// INVALID_ARGUMENT for two sites of one name; the errors of ReadSiteConfig and LoadSeries, with
/// the site's file in front.
absl::StatusOr<std::vector<Site>> LoadSites(std::span<const std::string> paths, const Plan& plan);

/// One site that has everybody's data: what centralised training trains on. Units become
/// "site:unit", so that equal names at two sites stay two units.
Site Pool(std::span<const Site> sites);

}  // namespace millrace
