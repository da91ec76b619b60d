// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "models/predictor.h"

namespace millrace {

/// Runs a package's graph in LibTorch on the CPU: one intra-op thread, as two cost a small model
/// far more than they bring. INVALID_ARGUMENT if the graph does not compile. Sets LibTorch's thread
/// count for the calling thread; the predictor may be used on another.
absl::StatusOr<std::unique_ptr<Predictor>> NewTorchPredictor(const ModelPackage& package);

}  // namespace millrace
