// SPDX-License-Identifier: Apache-2.0
#include "models/torch/recurrent_layers.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>

#include "models/torch/gate_math.h"

namespace millrace {
namespace {

using torch::Tensor;

constexpr int64_t kSteps = 7;
constexpr int64_t kBatch = 5;
constexpr int64_t kInputs = 3;
constexpr int64_t kUnits = 11;  // no multiple of a vector's width

struct Layer {
  std::string name;
  int64_t gates;
  Tensor (*ours)(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&);
};

/// LibTorch's own layer over the same weights.
Tensor Theirs(const Layer& layer, const std::vector<Tensor>& in) {
  const Tensor start = torch::zeros({1, in[0].size(1), in[2].size(1)}, in[0].options());
  const std::vector<Tensor> weights(in.begin() + 1, in.end());
  if (layer.gates == 3) {
    return std::get<0>(torch::gru(in[0], start, weights, true, 1, 0, true, false, false));
  }
  return std::get<0>(torch::lstm(in[0], {start, start}, weights, true, 1, 0, true, false, false));
}

Tensor Ours(const Layer& layer, const std::vector<Tensor>& in) {
  return layer.ours(in[0], in[1], in[2], in[3], in[4]);
}

class RecurrentLayerTest : public ::testing::TestWithParam<Layer> {
 protected:
  /// x, w_ih, w_hh, b_ih, b_hh
  std::vector<Tensor> Arguments() const {
    torch::manual_seed(5);
    const int64_t rows = GetParam().gates * kUnits;
    std::vector<Tensor> arguments = {
        torch::randn({kSteps, kBatch, kInputs}), torch::randn({rows, kInputs}) * 0.5,
        torch::randn({rows, kUnits}) * 0.5, torch::randn({rows}) * 0.5, torch::randn({rows}) * 0.5};
    for (Tensor& argument : arguments) argument.set_requires_grad(true);
    return arguments;
  }
  /// Makes every state matter, each differently.
  static Tensor Sum(const Tensor& states) {
    return (states * torch::linspace(-1, 2, states.numel()).view(states.sizes())).sum();
  }
};

TEST_P(RecurrentLayerTest, StatesAgreeWithLibTorch) {
  const std::vector<Tensor> in = Arguments();
  EXPECT_TRUE(torch::allclose(Ours(GetParam(), in), Theirs(GetParam(), in), 1e-5, 2e-6));
}

TEST_P(RecurrentLayerTest, GradientsAgreeWithLibTorch) {
  const std::vector<Tensor> in = Arguments();
  const auto ours = torch::autograd::grad({Sum(Ours(GetParam(), in))}, in);
  const auto theirs = torch::autograd::grad({Sum(Theirs(GetParam(), in))}, in);
  for (size_t i = 0; i < in.size(); ++i) {
    EXPECT_TRUE(torch::allclose(ours[i], theirs[i], 1e-4, 1e-4)) << "argument " << i;
  }
}

TEST_P(RecurrentLayerTest, GradientsAgreeWithFiniteDifferences) {
  constexpr float kStep = 1e-2F;
  std::vector<Tensor> in = Arguments();
  const auto gradients = torch::autograd::grad({Sum(Ours(GetParam(), in))}, in);
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < in.size(); ++i) {
    const Tensor flat = in[i].view(-1);
    for (int64_t j = 0; j < flat.numel(); j += 1 + flat.numel() / 9) {
      const float value = flat[j].item<float>();
      flat[j] = value + kStep;
      const double above = Sum(Ours(GetParam(), in).to(torch::kFloat64)).item<double>();
      flat[j] = value - kStep;
      const double below = Sum(Ours(GetParam(), in).to(torch::kFloat64)).item<double>();
      flat[j] = value;
      const double gradient = gradients[i].view(-1)[j].item<double>();
      EXPECT_NEAR((above - below) / (2 * kStep), gradient, 5e-3 * (1 + std::abs(gradient)))
          << "argument " << i << ", element " << j;
    }
  }
}

TEST_P(RecurrentLayerTest, TheStatesAreTheSameBitsWithAndWithoutAutograd) {
  const std::vector<Tensor> in = Arguments();
  const Tensor recorded = Ours(GetParam(), in).detach();
  torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::equal(Ours(GetParam(), in), recorded));
}

TEST_P(RecurrentLayerTest, BackwardMayRunTwice) {
  const std::vector<Tensor> in = Arguments();
  const Tensor sum = Sum(Ours(GetParam(), in));
  const auto first = torch::autograd::grad({sum}, in, {}, /*retain_graph=*/true);
  const auto second = torch::autograd::grad({sum}, in);
  for (size_t i = 0; i < in.size(); ++i) EXPECT_TRUE(torch::equal(first[i], second[i])) << i;
}

TEST_P(RecurrentLayerTest, OneStepAndATransposedInputWork) {
  std::vector<Tensor> in = Arguments();
  in[0] = torch::randn({kBatch, 1, kInputs}).transpose(0, 1).requires_grad_();
  EXPECT_TRUE(torch::allclose(Ours(GetParam(), in), Theirs(GetParam(), in), 1e-5, 2e-6));
  const auto ours = torch::autograd::grad({Sum(Ours(GetParam(), in))}, in);
  const auto theirs = torch::autograd::grad({Sum(Theirs(GetParam(), in))}, in);
  for (size_t i = 0; i < in.size(); ++i) {
    EXPECT_TRUE(torch::allclose(ours[i], theirs[i], 1e-4, 1e-4)) << "argument " << i;
  }
}

TEST_P(RecurrentLayerTest, OtherTypesFallBackToLibTorch) {
  std::vector<Tensor> in = Arguments();
  for (Tensor& argument : in) argument = argument.detach().to(torch::kFloat64);
  EXPECT_TRUE(torch::equal(Ours(GetParam(), in), Theirs(GetParam(), in)));
}

TEST_P(RecurrentLayerTest, ShapesThatDoNotFitAreRefused) {
  for (size_t i = 0; i < 5; ++i) {
    std::vector<Tensor> in = Arguments();
    in[i] = in[i].narrow(in[i].dim() - 1, 0, in[i].size(-1) - 1);
    EXPECT_THROW(Ours(GetParam(), in), c10::Error) << "argument " << i;
  }
  std::vector<Tensor> in = Arguments();
  in[0] = torch::empty({0, kBatch, kInputs});
  EXPECT_THROW(Ours(GetParam(), in), c10::Error);
}

INSTANTIATE_TEST_SUITE_P(Layers, RecurrentLayerTest,
                         ::testing::Values(Layer{"Gru", 3, &GruLayer},
                                           Layer{"Lstm", 4, &LstmLayer}),
                         [](const auto& instance) { return instance.param.name; });

TEST(GateMathTest, TanhAndSigmoidAreWithinTheirBoundEverywhere) {
  for (double x = -20; x <= 20; x += 1e-3) {
    const auto in = static_cast<float>(x);
    ASSERT_NEAR(GateTanh(in), std::tanh(double{in}), 3e-7) << x;
    ASSERT_NEAR(GateSigmoid(in), 1 / (1 + std::exp(-double{in})), 3e-7) << x;
  }
}

TEST(GateMathTest, InfinitiesSaturateAndNanStaysNan) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_NEAR(GateTanh(kInfinity), 1, 3e-7);
  EXPECT_NEAR(GateTanh(-kInfinity), -1, 3e-7);
  EXPECT_TRUE(std::isnan(GateTanh(std::numeric_limits<float>::quiet_NaN())));
}

}  // namespace
}  // namespace millrace
