// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "plan/plan.h"

namespace millrace {

/// SGD and Adam over one flat parameter vector. Not thread-safe.
///
/// One step, with g the gradient in `gradients`:
///   g += mu (w - w_global)                FedProx (Li et al. 2020), part of the objective
///   g *= min(1, clip_norm / |g|)
///   g += weight_decay w                   as torch::optim does
///   SGD   b = momentum b + g;  w -= lr b
///   Adam  m = 0.9 m + 0.1 g;  v = 0.999 v + 0.001 g^2;
///         w -= lr m / (1 - 0.9^t) / (sqrt(v / (1 - 0.999^t)) + 1e-8)   (Kingma and Ba 2015)
class FlatOptimizer {
 public:
  /// Keeps a copy of `values` as the global model when the plan asks for FedProx.
  FlatOptimizer(const TrainingPlan& plan, double learning_rate, const torch::Tensor& values);

  /// Updates `values` in place; `gradients` is spoilt.
  void Step(torch::Tensor& values, torch::Tensor& gradients);

 private:
  void AdamStep(torch::Tensor& values, const torch::Tensor& gradients);

  TrainingPlan plan_;
  double learning_rate_;
  int64_t steps_ = 0;
  torch::Tensor global_;    // FedProx
  torch::Tensor momentum_;  // SGD with momentum; Adam: first moment
  torch::Tensor second_;    // Adam
  torch::Tensor scratch_;   // Adam
};

}  // namespace millrace
