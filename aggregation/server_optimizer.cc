// SPDX-License-Identifier: Apache-2.0
#include "aggregation/server_optimizer.h"

#include <cmath>

#include "aggregation/vector_targets.h"
#include "base/check.h"

// Steps are computed in double and stored as float32: d^2 of a small delta would underflow.

namespace millrace {
namespace {

MR_VECTOR_TARGETS void FedAvg(const ServerPlan& plan, const float* __restrict d,
                              float* __restrict x, size_t n) {
  const double eta = plan.learning_rate;
  for (size_t i = 0; i < n; ++i) x[i] = static_cast<float>(x[i] + eta * d[i]);
}

MR_VECTOR_TARGETS void FedAvgM(const ServerPlan& plan, const float* __restrict d,
                               float* __restrict x, float* __restrict m, size_t n) {
  const double eta = plan.learning_rate;
  const double beta = plan.beta1;
  for (size_t i = 0; i < n; ++i) {
    const double momentum = beta * m[i] + d[i];
    m[i] = static_cast<float>(momentum);
    x[i] = static_cast<float>(x[i] + eta * momentum);
  }
}

// What the adaptive three have in common; `second_moment(v, d^2)` is where they differ.
template <typename SecondMoment>
[[gnu::always_inline]] inline void AdaptiveLoop(const ServerPlan& plan, const float* __restrict d,
                                                float* __restrict x, float* __restrict m,
                                                float* __restrict v, size_t n,
                                                SecondMoment second_moment) {
  const double eta = plan.learning_rate;
  const double beta = plan.beta1;
  const double tau = plan.tau;
  for (size_t i = 0; i < n; ++i) {
    const double delta = d[i];
    const double first = beta * m[i] + (1 - beta) * delta;
    const double second = second_moment(static_cast<double>(v[i]), delta * delta);
    m[i] = static_cast<float>(first);
    v[i] = static_cast<float>(second);
    x[i] = static_cast<float>(x[i] + eta * first / (std::sqrt(second) + tau));
  }
}

MR_VECTOR_TARGETS void FedAdagrad(const ServerPlan& plan, const float* d, float* x, float* m,
                                  float* v, size_t n) {
  AdaptiveLoop(plan, d, x, m, v, n, [](double moment, double square) { return moment + square; });
}

MR_VECTOR_TARGETS void FedAdam(const ServerPlan& plan, const float* d, float* x, float* m, float* v,
                               size_t n) {
  const double beta = plan.beta2;
  AdaptiveLoop(plan, d, x, m, v, n, [beta](double moment, double square) {
    return beta * moment + (1 - beta) * square;
  });
}

MR_VECTOR_TARGETS void FedYogi(const ServerPlan& plan, const float* d, float* x, float* m, float* v,
                               size_t n) {
  const double rest = 1 - plan.beta2;
  AdaptiveLoop(plan, d, x, m, v, n, [rest](double moment, double square) {
    const double sign = (moment > square ? 1.0 : 0.0) - (moment < square ? 1.0 : 0.0);
    return moment - rest * square * sign;
  });
}

}  // namespace

int64_t StateVectors(ServerOptimizer optimizer) {
  switch (optimizer) {
    case ServerOptimizer::kFedAvg:
      return 0;
    case ServerOptimizer::kFedAvgM:
      return 1;
    case ServerOptimizer::kFedAdagrad:
    case ServerOptimizer::kFedAdam:
    case ServerOptimizer::kFedYogi:
      return 2;
  }
  MR_CHECK(false && "an enumerator without a case");
  return 0;
}

double InitialState(const ServerPlan& plan, int64_t vector) {
  MR_CHECK(vector >= 0 && vector < StateVectors(plan.optimizer));
  return vector == 1 ? plan.tau * plan.tau : 0;
}

void ServerStep(const ServerPlan& plan, std::span<const float> delta, std::span<float> parameters,
                std::span<float> first, std::span<float> second) {
  const size_t n = delta.size();
  const int64_t vectors = StateVectors(plan.optimizer);
  MR_CHECK(parameters.size() == n);
  MR_CHECK(first.size() == (vectors >= 1 ? n : 0));
  MR_CHECK(second.size() == (vectors >= 2 ? n : 0));
  const float* const d = delta.data();
  float* const x = parameters.data();
  float* const m = first.data();
  float* const v = second.data();
  switch (plan.optimizer) {
    case ServerOptimizer::kFedAvg:
      return FedAvg(plan, d, x, n);
    case ServerOptimizer::kFedAvgM:
      return FedAvgM(plan, d, x, m, n);
    case ServerOptimizer::kFedAdagrad:
      return FedAdagrad(plan, d, x, m, v, n);
    case ServerOptimizer::kFedAdam:
      return FedAdam(plan, d, x, m, v, n);
    case ServerOptimizer::kFedYogi:
      return FedYogi(plan, d, x, m, v, n);
  }
}

}  // namespace millrace
