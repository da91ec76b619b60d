// SPDX-License-Identifier: Apache-2.0
// Between the two sources of models/package.h: a package's manifest, and the file around it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "millrace/v1/package.pb.h"
#include "models/package.h"

namespace millrace {

/// The same manifest gives the same bytes: maps are written in the order of their keys.
std::string SerializeManifest(const v1::PackageManifest& manifest);

/// Parses and checks a manifest: the package that has it, without its parameters and signatures.
absl::StatusOr<ModelPackage> PackageOfManifest(std::string manifest_bytes);

}  // namespace millrace
