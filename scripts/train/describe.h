// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "models/package.h"

namespace millrace {

/// The manifest of a model that was trained to the plan's last round. The caller adds the lineage's
/// sites, examples, time and program.
v1::PackageManifest DescribeModel(absl::string_view plan_text, const ModelPackage& model,
                                  const std::map<std::string, double>& metrics);

}  // namespace millrace
