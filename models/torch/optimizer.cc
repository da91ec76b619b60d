// SPDX-License-Identifier: Apache-2.0
#include "models/torch/optimizer.h"

#include <torch/torch.h>

#include <cmath>

namespace millrace {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

}  // namespace

FlatOptimizer::FlatOptimizer(const TrainingPlan& plan, double learning_rate,
                             const torch::Tensor& values)
    : plan_(plan), learning_rate_(learning_rate) {
  const bool adam = plan.optimizer == ClientOptimizer::kAdam;
  if (plan.proximal_mu > 0) global_ = values.clone();
  if (adam || plan.momentum > 0) momentum_ = torch::zeros_like(values);
  if (adam) {
    second_ = torch::zeros_like(values);
    scratch_ = torch::empty_like(values);
  }
}

void FlatOptimizer::Step(torch::Tensor& values, torch::Tensor& gradients) {
  torch::NoGradGuard no_grad;
  ++steps_;
  if (global_.defined()) {
    gradients.add_(values, plan_.proximal_mu).sub_(global_, plan_.proximal_mu);
  }
  if (plan_.clip_norm > 0) {
    const double norm = gradients.norm().item<double>();
    if (norm > plan_.clip_norm) gradients.mul_(plan_.clip_norm / norm);
  }
  if (plan_.weight_decay > 0) gradients.add_(values, plan_.weight_decay);
  if (plan_.optimizer == ClientOptimizer::kAdam) {
    AdamStep(values, gradients);
  } else if (momentum_.defined()) {
    momentum_.mul_(plan_.momentum).add_(gradients);
    values.sub_(momentum_, learning_rate_);
  } else {
    values.sub_(gradients, learning_rate_);
  }
}

void FlatOptimizer::AdamStep(torch::Tensor& values, const torch::Tensor& gradients) {
  const double correction1 = 1 - std::pow(kBeta1, static_cast<double>(steps_));
  const double correction2 = 1 - std::pow(kBeta2, static_cast<double>(steps_));
  momentum_.mul_(kBeta1).add_(gradients, 1 - kBeta1);
  second_.mul_(kBeta2).addcmul_(gradients, gradients, 1 - kBeta2);
  torch::sqrt_out(scratch_, second_);
  scratch_.div_(std::sqrt(correction2)).add_(kEpsilon);
  values.addcdiv_(momentum_, scratch_, -learning_rate_ / correction1);
}

}  // namespace millrace
