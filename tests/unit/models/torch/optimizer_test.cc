// SPDX-License-Identifier: Apache-2.0
#include "models/torch/optimizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace millrace {
namespace {

constexpr double kLearningRate = 0.05;
constexpr int kOptimizerSteps = 25;

/// The gradient of a bent bowl: different in every element and step.
torch::Tensor Gradient(const torch::Tensor& w) {
  return w * torch::linspace(0.1, 3, w.numel()) + torch::sin(w * 3);
}

torch::Tensor Start() { return torch::linspace(-2, 2, 17); }

torch::Tensor RunOurs(const TrainingPlan& plan) {
  torch::Tensor values = Start();
  FlatOptimizer optimizer(plan, kLearningRate, values);
  for (int i = 0; i < kOptimizerSteps; ++i) {
    torch::Tensor gradient = Gradient(values);
    optimizer.Step(values, gradient);
  }
  return values;
}

template <typename Optimizer, typename Options>
torch::Tensor RunTheirs(const Options& options) {
  const torch::Tensor values = Start().requires_grad_();
  Optimizer optimizer({values}, options);
  for (int i = 0; i < kOptimizerSteps; ++i) {
    values.mutable_grad() = Gradient(values.detach());
    optimizer.step();
  }
  return values.detach();
}

void ExpectClose(const torch::Tensor& ours, const torch::Tensor& theirs) {
  EXPECT_FALSE(torch::allclose(ours, Start(), 0, 1e-2));
  EXPECT_TRUE(torch::allclose(ours, theirs, 1e-5, 1e-6)) << ours << theirs;
}

TEST(FlatOptimizerTest, AdamAgreesWithLibTorch) {
  ExpectClose(RunOurs({.optimizer = ClientOptimizer::kAdam}),
              RunTheirs<torch::optim::Adam>(torch::optim::AdamOptions(kLearningRate)));
}

TEST(FlatOptimizerTest, AdamWithWeightDecayAgreesWithLibTorch) {
  TrainingPlan plan;
  plan.weight_decay = 0.3;
  ExpectClose(RunOurs(plan), RunTheirs<torch::optim::Adam>(
                                 torch::optim::AdamOptions(kLearningRate).weight_decay(0.3)));
}

TEST(FlatOptimizerTest, SgdAgreesWithLibTorch) {
  TrainingPlan plan;
  plan.optimizer = ClientOptimizer::kSgd;
  ExpectClose(RunOurs(plan), RunTheirs<torch::optim::SGD>(torch::optim::SGDOptions(kLearningRate)));
}

TEST(FlatOptimizerTest, SgdWithMomentumAndWeightDecayAgreesWithLibTorch) {
  TrainingPlan plan;
  plan.optimizer = ClientOptimizer::kSgd;
  plan.momentum = 0.8;
  plan.weight_decay = 0.2;
  ExpectClose(RunOurs(plan),
              RunTheirs<torch::optim::SGD>(
                  torch::optim::SGDOptions(kLearningRate).momentum(0.8).weight_decay(0.2)));
}

/// One SGD step with learning rate 1 from `values`: minus the gradient that was used.
torch::Tensor UsedGradient(TrainingPlan plan, const torch::Tensor& global,
                           const torch::Tensor& values, const torch::Tensor& gradient) {
  plan.optimizer = ClientOptimizer::kSgd;
  FlatOptimizer optimizer(plan, 1, global);
  torch::Tensor after = values.clone();
  torch::Tensor spoilt = gradient.clone();
  optimizer.Step(after, spoilt);
  return values - after;
}

TEST(FlatOptimizerTest, ClippingKeepsTheDirectionAndBoundsTheNorm) {
  TrainingPlan plan;
  plan.clip_norm = 1;
  const torch::Tensor zeros = torch::zeros({2});
  const torch::Tensor used = UsedGradient(plan, zeros, zeros, torch::tensor({3.0F, 4.0F}));
  EXPECT_TRUE(torch::allclose(used, torch::tensor({0.6F, 0.8F})));
}

TEST(FlatOptimizerTest, AGradientWithinTheBoundIsNotTouched) {
  TrainingPlan plan;
  plan.clip_norm = 6;
  const torch::Tensor zeros = torch::zeros({2});
  const torch::Tensor gradient = torch::tensor({3.0F, 4.0F});
  EXPECT_TRUE(torch::equal(UsedGradient(plan, zeros, zeros, gradient), gradient));
}

TEST(FlatOptimizerTest, FedProxPullsTowardsTheGlobalModel) {
  TrainingPlan plan;
  plan.proximal_mu = 0.5;
  const torch::Tensor used = UsedGradient(plan, /*global=*/torch::tensor({1.0F, 1.0F}),
                                          /*values=*/torch::tensor({3.0F, 0.0F}),
                                          /*gradient=*/torch::tensor({0.25F, 0.25F}));
  EXPECT_TRUE(torch::allclose(used, torch::tensor({0.25F + 1.0F, 0.25F - 0.5F})));
}

}  // namespace
}  // namespace millrace
