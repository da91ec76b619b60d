// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/file_system.h"
#include "models/package.h"
#include "models/predictor.h"

namespace millrace {

/// The manifest of a model that was trained to the plan's last round. The caller adds the lineage's
/// sites, examples, time and program.
v1::PackageManifest DescribeModel(absl::string_view plan_text, const ModelPackage& model,
                                  const std::map<std::string, double>& metrics);

/// Writes `model`, made by `program`, as a package that a site can install once publishers have
/// signed it: with test vectors. The errors of `predictors` and of the disk.
absl::Status WriteInstallable(FileSystem* files, const std::string& path, const ModelPackage& model,
                              absl::string_view program, const PredictorFactory& predictors);

}  // namespace millrace
