// SPDX-License-Identifier: Apache-2.0
// What a package brings to show that it gives at a site what it gave where it was made: windows of
// seeded random numbers, never of a plant, and the model's outputs for them.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/predictor.h"
#include "plan/plan.h"

namespace millrace {

/// Numbers that a model gives for a window: window * channels for reconstruction.
int64_t OutputsOfWindow(const Plan& plan);

/// Four windows of standard normal numbers, which is what scaled data look like, into `manifest`;
/// those that it had are gone. FAILED_PRECONDITION if an output is not finite.
absl::Status AddTestVectors(const Plan& plan, Predictor& predictor, v1::PackageManifest& manifest);

/// An output may differ from the package's by so much of 1 + its size: other releases of LibTorch
/// and of the BLAS below it add up in another order.
inline constexpr double kTestVectorTolerance = 1e-3;

/// FAILED_PRECONDITION, naming the vector and the output, unless all come out again.
absl::Status CheckTestVectors(const v1::PackageManifest& manifest, Predictor& predictor);

}  // namespace millrace
