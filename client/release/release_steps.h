// SPDX-License-Identifier: Apache-2.0
// What the steps of a release have in common.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "client/release/model_folder.h"
#include "models/package.h"

namespace millrace {

/// Another file would do, another try would not.
bool IsPackagesFault(const absl::Status& status);

NewestVersion VersionOf(const v1::PackageManifest& manifest);

/// What could not be done in the folder of the model.
void LogIfBad(const absl::Status& status, const std::string& name);

}  // namespace millrace
