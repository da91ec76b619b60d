// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "models/catalogue/architecture.h"
#include "models/trainer.h"
#include "plan/plan.h"

namespace millrace {

struct TorchOptions {
  int threads = 1;         // intra-op
  bool allow_cuda = true;  // used when LibTorch has it and a device answers
};

/// A trainer that runs `architecture` in LibTorch. INVALID_ARGUMENT if the graph does not compile.
/// Sets LibTorch's thread count for the calling thread and the process's allocator (allocator.h).
absl::StatusOr<std::unique_ptr<Trainer>> NewTorchTrainer(const Plan& plan,
                                                         const Architecture& architecture,
                                                         const TorchOptions& options);

}  // namespace millrace
