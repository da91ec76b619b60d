// SPDX-License-Identifier: Apache-2.0
// Server optimisers, applied chunk by chunk so that state can stream from and to disk.
#pragma once

#include <cstdint>
#include <span>

#include "plan/plan.h"

namespace millrace {

/// float32 vectors of state, each as long as the model: 0 (FedAvg), 1 (FedAvgM: momentum),
/// 2 (the adaptive ones: first moment, second moment).
int64_t StateVectors(ServerOptimizer optimizer);

/// The value a state vector starts with: 0, and tau^2 for the second moment.
double InitialState(const ServerPlan& plan, int64_t vector);

/// One step for a slice of the model. `delta` is the weighted mean of the sites' deltas (the
/// pseudo-gradient's negative), `parameters` and the slices of state are updated in place; all
/// spans have one length. Unused state spans are empty.
///   FedAvg      x += eta d
///   FedAvgM     m = beta1 m + d;  x += eta m                                  (Hsu et al. 2019)
///   FedAdagrad  m = beta1 m + (1-beta1) d; v = v + d^2;  x += eta m / (sqrt v + tau)
///   FedAdam     ... v = beta2 v + (1-beta2) d^2
///   FedYogi     ... v = v - (1-beta2) d^2 sign(v - d^2)
/// The adaptive three are Reddi et al. 2021, Algorithm 2.
void ServerStep(const ServerPlan& plan, std::span<const float> delta, std::span<float> parameters,
                std::span<float> first, std::span<float> second);

}  // namespace millrace
