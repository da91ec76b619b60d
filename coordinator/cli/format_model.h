// SPDX-License-Identifier: Apache-2.0
// Model versions and packages as text and JSON. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/cli/json.h"
#include "millrace/v1/models.pb.h"
#include "models/package.h"
#include "models/package_signature.h"

namespace millrace {

std::string ModelsText(const v1::ListModelsResponse& models, absl::TimeZone zone);
std::string ModelText(const v1::Model& model, absl::TimeZone zone);
Json ModelJson(const v1::Model& model);
Json ModelsJson(const v1::ListModelsResponse& models);

/// What a package file holds: where it comes from, what goes in and out, its tensors.
std::string PackageText(const ModelPackage& package, absl::TimeZone zone);
Json PackageJson(const ModelPackage& package);

/// Who has signed it, and whether that is enough, by the list in that file; empty: there was none.
std::string SignaturesText(const ModelPackage& package,
                           const std::vector<SignatureFinding>& findings,
                           const absl::Status& verdict, const std::string& revocation_list,
                           absl::TimeZone zone);
Json SignaturesJson(const ModelPackage& package, const std::vector<SignatureFinding>& findings,
                    const absl::Status& verdict, const std::string& revocation_list);

}  // namespace millrace
