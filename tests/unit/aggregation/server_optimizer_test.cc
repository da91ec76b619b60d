// SPDX-License-Identifier: Apache-2.0
#include "aggregation/server_optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace millrace {
namespace {

constexpr ServerOptimizer kAll[] = {ServerOptimizer::kFedAvg, ServerOptimizer::kFedAvgM,
                                    ServerOptimizer::kFedAdagrad, ServerOptimizer::kFedAdam,
                                    ServerOptimizer::kFedYogi};

// One model with its optimiser's state.
struct Server {
  explicit Server(ServerPlan server_plan, std::vector<float> start = {0})
      : plan(server_plan), x(std::move(start)) {
    const int64_t vectors = StateVectors(plan.optimizer);
    if (vectors >= 1) m.assign(x.size(), static_cast<float>(InitialState(plan, 0)));
    if (vectors >= 2) v.assign(x.size(), static_cast<float>(InitialState(plan, 1)));
  }
  void Step(const std::vector<float>& delta) { ServerStep(plan, delta, x, m, v); }

  ServerPlan plan;
  std::vector<float> x, m, v;
};

constexpr double kTolerance = 1e-6;  // state and parameters are float32

TEST(ServerOptimizerTest, FedAvgAddsTheScaledMean) {
  Server server({.optimizer = ServerOptimizer::kFedAvg, .learning_rate = 0.5}, {1});
  server.Step({0.5});
  EXPECT_EQ(server.x[0], 1.25F);
  server.Step({-1});
  EXPECT_EQ(server.x[0], 0.75F);
}

TEST(ServerOptimizerTest, FedAvgMKeepsMomentum) {
  Server server({.optimizer = ServerOptimizer::kFedAvgM, .learning_rate = 0.5, .beta1 = 0.5});
  server.Step({1});  // m = 1
  EXPECT_EQ(server.x[0], 0.5F);
  server.Step({0.5});  // m = 0.5 + 0.5 = 1
  EXPECT_EQ(server.x[0], 1.0F);
  server.Step({-2});  // m = 0.5 - 2 = -1.5
  EXPECT_EQ(server.m[0], -1.5F);
  EXPECT_EQ(server.x[0], 0.25F);
}

TEST(ServerOptimizerTest, FedAdagradMatchesThreeStepsByHand) {
  Server server({.optimizer = ServerOptimizer::kFedAdagrad, .beta1 = 0.5, .tau = 1});
  // v = 1 + 0.5625 = 1.25^2, m = 0.375, x = 0.375 / 2.25 = 1/6
  server.Step({0.75});
  EXPECT_NEAR(server.x[0], 1.0 / 6, kTolerance);
  // v = 1.5625 + 9 = 3.25^2, m = 0.1875 + 1.5 = 1.6875, x += 1.6875 / 4.25 = 27/68
  server.Step({3});
  EXPECT_NEAR(server.x[0], 1.0 / 6 + 27.0 / 68, kTolerance);
  // v = 10.5625 + 5.94140625 = 4.0625^2, m = 0.84375 - 1.21875 = -0.375, x += -0.375 / 5.0625
  server.Step({-2.4375});
  EXPECT_NEAR(server.m[0], -0.375, kTolerance);
  EXPECT_NEAR(server.v[0], 16.50390625, kTolerance);
  EXPECT_NEAR(server.x[0], 1.0 / 6 + 27.0 / 68 - 2.0 / 27, kTolerance);
}

TEST(ServerOptimizerTest, FedAdamMatchesThreeStepsByHand) {
  Server server({.optimizer = ServerOptimizer::kFedAdam, .beta1 = 0.5, .beta2 = 0.5, .tau = 1});
  // v = 0.5 + 24.5 = 5^2, m = 3.5, x = 3.5 / 6
  server.Step({7});
  EXPECT_NEAR(server.x[0], 3.5 / 6, kTolerance);
  // v = 12.5 + 12.5 = 5^2, m = 1.75 + 2.5 = 4.25, x += 4.25 / 6
  server.Step({5});
  EXPECT_NEAR(server.x[0], 7.75 / 6, kTolerance);
  // v = 12.5 + 612.5 = 25^2, m = 2.125 - 17.5 = -15.375, x += -15.375 / 26
  server.Step({-35});
  EXPECT_NEAR(server.m[0], -15.375, kTolerance);
  EXPECT_NEAR(server.v[0], 625, kTolerance);
  EXPECT_NEAR(server.x[0], 7.75 / 6 - 15.375 / 26, kTolerance);
}

TEST(ServerOptimizerTest, FedYogiMatchesThreeStepsByHand) {
  Server server({.optimizer = ServerOptimizer::kFedYogi, .beta1 = 0.5, .beta2 = 0.75, .tau = 5});
  // d^2 = 7.84 < v = 25: v = 25 - 1.96 = 4.8^2, m = 1.4, x = 1.4 / 9.8 = 1/7
  server.Step({2.8F});
  EXPECT_NEAR(server.x[0], 1.0 / 7, kTolerance);
  // d^2 = 51.84 > 23.04: v = 23.04 + 12.96 = 6^2, m = 0.7 + 3.6 = 4.3, x += 4.3 / 11
  server.Step({7.2F});
  EXPECT_NEAR(server.x[0], 1.0 / 7 + 4.3 / 11, kTolerance);
  // d^2 = 11.2896 < 36: v = 36 - 2.8224 = 5.76^2, m = 2.15 - 1.68 = 0.47, x += 0.47 / 10.76
  server.Step({-3.36F});
  EXPECT_NEAR(server.m[0], 0.47, kTolerance);
  EXPECT_NEAR(server.v[0], 33.1776, 1e-5);
  EXPECT_NEAR(server.x[0], 1.0 / 7 + 4.3 / 11 + 0.47 / 10.76, kTolerance);
}

TEST(ServerOptimizerTest, FedYogiLeavesTheSecondMomentWhereItEqualsTheSquare) {
  Server server({.optimizer = ServerOptimizer::kFedYogi, .beta2 = 0.5, .tau = 2});
  server.Step({-2});  // sign(4 - 4) = 0
  EXPECT_EQ(server.v[0], 4.0F);
}

TEST(ServerOptimizerTest, StateStartsAtZeroAndTauSquared) {
  EXPECT_EQ(StateVectors(ServerOptimizer::kFedAvg), 0);
  EXPECT_EQ(StateVectors(ServerOptimizer::kFedAvgM), 1);
  EXPECT_EQ(InitialState({.optimizer = ServerOptimizer::kFedAvgM}, 0), 0);
  for (const ServerOptimizer optimizer :
       {ServerOptimizer::kFedAdagrad, ServerOptimizer::kFedAdam, ServerOptimizer::kFedYogi}) {
    EXPECT_EQ(StateVectors(optimizer), 2);
    EXPECT_EQ(InitialState({.optimizer = optimizer, .tau = 0.25}, 0), 0);
    EXPECT_EQ(InitialState({.optimizer = optimizer, .tau = 0.25}, 1), 0.0625);
  }
}

TEST(ServerOptimizerTest, SlicesOfAnySizeGiveTheBitsOfTheWhole) {
  constexpr size_t kLength = 501;
  for (const ServerOptimizer optimizer : kAll) {
    Random random(8);
    std::vector<float> start(kLength), delta(kLength);
    for (float& value : start) value = static_cast<float>(random.Normal());
    const ServerPlan plan{.optimizer = optimizer, .learning_rate = 0.3};
    Server whole(plan, start), sliced(plan, start);
    for (int step = 0; step < 3; ++step) {
      for (float& value : delta) value = static_cast<float>(0.1 * random.Normal());
      whole.Step(delta);
      const auto slice = [](std::vector<float>& of, size_t offset, size_t length) {
        return of.empty() ? std::span<float>() : std::span(of).subspan(offset, length);
      };
      for (size_t offset = 0; offset < kLength;) {
        const size_t length = std::min<size_t>(1 + random.Below(60), kLength - offset);
        ServerStep(plan, slice(delta, offset, length), slice(sliced.x, offset, length),
                   slice(sliced.m, offset, length), slice(sliced.v, offset, length));
        offset += length;
      }
    }
    EXPECT_EQ(whole.x, sliced.x) << Name(optimizer);
    EXPECT_EQ(whole.m, sliced.m) << Name(optimizer);
    EXPECT_EQ(whole.v, sliced.v) << Name(optimizer);
  }
}

TEST(ServerOptimizerTest, NoDeltaMovesNothing) {
  for (const ServerOptimizer optimizer : kAll) {
    Server server({.optimizer = optimizer}, {1, -2, 3});
    server.Step({0, 0, 0});
    EXPECT_EQ(server.x, (std::vector<float>{1, -2, 3})) << Name(optimizer);
  }
}

TEST(ServerOptimizerTest, DeltasWhoseSquareUnderflowsStillMoveTheModel) {
  for (const ServerOptimizer optimizer : kAll) {
    Server server({.optimizer = optimizer, .tau = 1e-3});
    server.Step({1e-25F});
    EXPECT_GT(server.x[0], 0) << Name(optimizer);
    EXPECT_TRUE(std::isfinite(server.x[0])) << Name(optimizer);
  }
}

TEST(ServerOptimizerTest, EveryAdaptiveStepIsBoundedByItsMomentOverTau) {
  for (const ServerOptimizer optimizer :
       {ServerOptimizer::kFedAdagrad, ServerOptimizer::kFedAdam, ServerOptimizer::kFedYogi}) {
    Random random(21);
    Server server({.optimizer = optimizer, .learning_rate = 0.7, .tau = 0.01});
    for (int step = 0; step < 1000; ++step) {
      const float before = server.x[0];
      server.Step({static_cast<float>(random.Normal() * std::ldexp(1, step % 20 - 10))});
      ASSERT_GE(server.v[0], 0) << Name(optimizer);
      ASSERT_LE(std::abs(server.x[0] - before), 0.7 * std::abs(server.m[0]) / 0.01 * 1.001 + 1e-6)
          << Name(optimizer);
    }
  }
}

}  // namespace
}  // namespace millrace
