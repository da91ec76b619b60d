// SPDX-License-Identifier: Apache-2.0
// Training and prediction as everything outside models/torch/ sees them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "models/dataset.h"
#include "plan/plan.h"

namespace millrace {

struct TrainingProgress {
  int64_t epoch = 0;  // 1-based
  int64_t step = 0;   // optimiser steps so far
  double loss = 0;    // mean over the epoch's examples so far
};

struct TrainingRequest {
  std::span<const float> parameters;    // the global model, layout order
  const Dataset* training = nullptr;    // outlives the call
  const Dataset* validation = nullptr;  // may be null or empty: no early stop
  double learning_rate = 1e-3;
  uint64_t seed = 1;  // batches and dropout
  /// Called after each epoch and at least every second or so; false ends training with CANCELLED.
  std::function<bool(const TrainingProgress&)> on_progress;
};

struct TrainingResult {
  /// The best by validation loss when early stop is on, else the last.
  std::vector<float> parameters;
  double loss = 0;       // mean training loss of the last epoch; regression: / LabelScale^2
  int64_t examples = 0;  // distinct training examples seen
  int64_t steps = 0;
};

/// One model graph with its optimiser. Not thread-safe.
class Trainer {
 public:
  virtual ~Trainer() = default;
  /// INVALID_ARGUMENT for a parameter vector or data set of the wrong shape or a label outside the
  /// classes, FAILED_PRECONDITION for an empty training set, ABORTED when the loss stops being
  /// finite, CANCELLED on request. On the CPU the same request and threads give the same bits.
  virtual absl::StatusOr<TrainingResult> Train(const TrainingRequest& request) = 0;

  /// The model's outputs for every example: [size, outputs], or [size, window, channels] for
  /// reconstruction.
  virtual absl::StatusOr<std::vector<float>> Predict(std::span<const float> parameters,
                                                     const Dataset& data) = 0;
};

}  // namespace millrace
