// SPDX-License-Identifier: Apache-2.0
#include "models/torch/scripted_module.h"

#include <gmock/gmock.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <sstream>

#include "tests/testing/status_matchers.h"
#include "tests/unit/models/torch/synthetic.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::millrace::testing::SyntheticPlan;
using ::testing::HasSubstr;

ScriptedModule Compile(const Architecture& architecture) {
  torch::jit::setGraphExecutorOptimize(false);
  ScriptedModule module = ScriptedModule::Compile(architecture, torch::kCPU).value();
  MR_EXPECT_OK(module.SetParameters(InitialParameters(architecture, 1)));
  module.SetTraining(false);
  return module;
}

ScriptedModule Compile(const Plan& plan) { return Compile(BuildArchitecture(plan).value()); }

torch::Tensor Input(const Plan& plan, int64_t batch = 4) {
  torch::manual_seed(2);
  return torch::randn({batch, plan.input.window, static_cast<int64_t>(plan.input.channels.size())});
}

/// Copies our flat parameters into a stock module, whose parameters come in the same order.
void CopyInto(const ScriptedModule& from, torch::nn::Module& recurrent, torch::nn::Module& head) {
  const std::vector<float> flat = from.Parameters();
  torch::NoGradGuard no_grad;
  int64_t offset = 0;
  for (torch::nn::Module* module : {&recurrent, &head}) {
    for (torch::Tensor& parameter : module->parameters()) {
      const int64_t count = parameter.numel();
      parameter.view(-1).copy_(torch::from_blob(const_cast<float*>(flat.data()) + offset, {count}));
      offset += count;
    }
  }
  ASSERT_EQ(offset, static_cast<int64_t>(flat.size()));
}

TEST(ScriptedModuleTest, TheGruGraphEqualsLibTorchsGru) {
  const Plan plan = SyntheticPlan(ModelKind::kGru);
  ScriptedModule module = Compile(plan);
  torch::nn::GRU gru(torch::nn::GRUOptions(3, 12).num_layers(2).batch_first(true));
  torch::nn::Linear head(12, 1);
  CopyInto(module, *gru, *head);
  const torch::Tensor x = Input(plan);
  EXPECT_TRUE(
      torch::allclose(module.Forward(x), head(std::get<0>(gru(x)).select(1, -1)), 1e-5, 2e-6));
}

TEST(ScriptedModuleTest, TheLstmGraphEqualsLibTorchsLstm) {
  const Plan plan = SyntheticPlan(ModelKind::kLstm);
  ScriptedModule module = Compile(plan);
  torch::nn::LSTM lstm(torch::nn::LSTMOptions(3, 12).num_layers(2).batch_first(true));
  torch::nn::Linear head(12, 1);
  CopyInto(module, *lstm, *head);
  const torch::Tensor x = Input(plan);
  EXPECT_TRUE(
      torch::allclose(module.Forward(x), head(std::get<0>(lstm(x)).select(1, -1)), 1e-5, 2e-6));
}

class EveryKindOfModuleTest : public ::testing::TestWithParam<ModelKind> {};

TEST_P(EveryKindOfModuleTest, SavedAndLoadedItGivesTheSameBits) {
  const Plan plan = SyntheticPlan(GetParam());
  ScriptedModule module = Compile(plan);
  std::stringstream file;
  module.module().save(file);
  torch::jit::Module loaded = torch::jit::load(file);
  loaded.eval();
  const torch::Tensor x = Input(plan);
  EXPECT_TRUE(torch::equal(loaded.forward({x}).toTensor(), module.Forward(x)));
}

TEST_P(EveryKindOfModuleTest, DropoutActsInTrainingOnly) {
  Plan plan = SyntheticPlan(GetParam());
  plan.model.dropout = 0.5;
  ScriptedModule module = Compile(plan);
  const torch::Tensor x = Input(plan);
  EXPECT_TRUE(torch::equal(module.Forward(x), module.Forward(x)));
  module.SetTraining(true);
  EXPECT_FALSE(torch::equal(module.Forward(x), module.Forward(x)));
}

TEST_P(EveryKindOfModuleTest, BackwardFillsTheFlatGradientInLayoutOrder) {
  const Plan plan = SyntheticPlan(GetParam());
  const Architecture architecture = BuildArchitecture(plan).value();
  ScriptedModule module = Compile(architecture);
  module.Forward(Input(plan)).square().sum().backward();
  int64_t i = 0;
  for (const torch::Tensor& parameter : module.module().parameters()) {
    const torch::Tensor flat =
        module.gradients().narrow(0, architecture.layout.offset(i), parameter.numel());
    EXPECT_TRUE(torch::equal(parameter.grad().view(-1), flat)) << i;
    EXPECT_GT(flat.abs().sum().item<float>(), 0) << i;
    ++i;
  }
  EXPECT_EQ(i, static_cast<int64_t>(architecture.layout.tensors().size()));
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryKindOfModuleTest,
                         ::testing::Values(ModelKind::kMlp, ModelKind::kCnn1d, ModelKind::kGru,
                                           ModelKind::kLstm, ModelKind::kAutoencoder),
                         [](const auto& instance) { return std::string(Name(instance.param)); });

TEST(ScriptedModuleTest, AConvolutionalAutoencoderRestoresTheExactWindow) {
  for (const int64_t window : {9, 16, 31}) {
    for (const int64_t kernel : {1, 2, 3, 4, 7}) {
      for (const int64_t stride : {1, 2, 3}) {
        Plan plan = SyntheticPlan(ModelKind::kAutoencoder, window);
        plan.model.convolutional = true;
        plan.model.filters = {4, 2};
        plan.model.kernel = kernel;
        plan.model.strides = {stride, 2};
        const torch::Tensor x = Input(plan);
        EXPECT_EQ(Compile(plan).Forward(x).sizes(), x.sizes())
            << "window " << window << ", kernel " << kernel << ", stride " << stride;
      }
    }
  }
}

TEST(ScriptedModuleTest, PoolingAndStridesGiveOneRowOfOutputsPerExample) {
  Plan plan = SyntheticPlan(ModelKind::kCnn1d, 31);
  plan.model.filters = {4, 8};
  plan.model.kernel = 4;
  plan.model.pool = 2;
  plan.model.strides = {2, 1};
  plan.label.classes = 5;
  EXPECT_EQ(Compile(plan).Forward(Input(plan)).sizes(), (std::vector<int64_t>{4, 5}));
}

TEST(ScriptedModuleTest, ParametersComeBackAsTheyWentIn) {
  const Architecture architecture = BuildArchitecture(SyntheticPlan(ModelKind::kGru)).value();
  EXPECT_EQ(Compile(architecture).Parameters(), InitialParameters(architecture, 1));
}

TEST(ScriptedModuleTest, AVectorOfTheWrongLengthIsRefused) {
  ScriptedModule module = Compile(SyntheticPlan(ModelKind::kMlp));
  const std::vector<float> wrong(5);
  EXPECT_THAT(module.SetParameters(wrong),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("has 5 elements")));
}

TEST(ScriptedModuleTest, AGraphThatDoesNotCompileIsRefused) {
  Architecture architecture = BuildArchitecture(SyntheticPlan(ModelKind::kMlp)).value();
  for (const std::string source : {"def forward(self, x):\n    return torch.no_such_operator(x)\n",
                                   "def forward(self, x)\n", "import os\n"}) {
    architecture.source = source;
    EXPECT_THAT(ScriptedModule::Compile(architecture, torch::kCPU),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("does not compile")));
  }
}

}  // namespace
}  // namespace millrace
