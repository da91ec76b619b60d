// SPDX-License-Identifier: Apache-2.0
// Steps per second of the trainer beside bare LibTorch loops over the same examples: the same
// compiled graph, and LibTorch's own layers. Prints one JSON object per model. The loops do not
// gather their batches, so the ratios charge the trainer for that.
//
//   bench_train [repetitions] [steps per repetition]
#include <torch/script.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "models/catalogue/architecture.h"
#include "models/torch/blas_speed.h"
#include "models/torch/scripted_module.h"
#include "models/torch/torch_trainer.h"

namespace millrace {
namespace {

constexpr int64_t kWindow = 30;
constexpr int64_t kChannels = 14;
constexpr int64_t kBatch = 256;
constexpr double kLearningRate = 1e-3;

/// Remaining life from 14 sensors over 30 steps: C-MAPSS's shape.
Plan MakePlan(ModelKind kind, int64_t steps) {
  Plan plan;
  plan.input.channels.assign(kChannels, "sensor");
  plan.input.window = kWindow;
  plan.label = {.kind = LabelKind::kRunToFailure, .column = "", .classes = 0, .cap = 125};
  plan.model.kind = kind;
  switch (kind) {
    case ModelKind::kMlp:
      plan.model.hidden = {128, 64};
      break;
    case ModelKind::kCnn1d:
      plan.model.filters = {32, 64};
      break;
    default:
      plan.model.hidden = {64};
      plan.model.layers = 2;
  }
  plan.training.batch_size = kBatch;
  plan.training.epochs = steps;
  plan.training.max_steps = steps;
  return plan;
}

Dataset MakeData(const Plan& plan) {
  Random random(1);
  Series series;
  series.unit = "engine";
  series.steps = 16 * kBatch + kWindow - 1;
  for (int64_t i = 0; i < series.steps * kChannels; ++i) {
    series.values.push_back(static_cast<float>(random.Normal()));
  }
  for (int64_t i = 0; i < series.steps; ++i) {
    series.labels.push_back(static_cast<float>(125 * random.Uniform()));
  }
  return AllWindows(plan, {series});
}

struct HostBatch {
  torch::Tensor inputs;
  torch::Tensor targets;
};

std::vector<HostBatch> GatherAll(const Dataset& data) {
  std::vector<HostBatch> batches;
  for (int64_t first = 0; first < data.size(); first += kBatch) {
    std::vector<int64_t> indices;
    for (int64_t i = first; i < first + kBatch; ++i) indices.push_back(i);
    HostBatch batch{torch::empty({kBatch, kWindow, kChannels}), torch::empty({kBatch})};
    data.Gather(
        indices,
        std::span(batch.inputs.data_ptr<float>(), static_cast<size_t>(batch.inputs.numel())),
        std::span(batch.targets.data_ptr<float>(), kBatch));
    batches.push_back(batch);
  }
  return batches;
}

/// What anyone would write: forward, loss, backward, torch::optim::Adam.
struct BareLoop {
  std::vector<HostBatch> batches;
  std::function<torch::Tensor(const torch::Tensor&)> forward;
  torch::optim::Adam optimizer;

  void Run(int64_t steps) {
    for (int64_t i = 0; i < steps; ++i) {
      const HostBatch& batch = batches[i % batches.size()];
      optimizer.zero_grad();
      const torch::Tensor loss =
          torch::mse_loss(forward(batch.inputs).squeeze(1), batch.targets) / (125.0 * 125.0);
      loss.backward();
      optimizer.step();
      MR_CHECK(std::isfinite(loss.item<float>()));
    }
  }
};

struct StockGru : torch::nn::Module {
  StockGru()
      : gru(torch::nn::GRUOptions(kChannels, 64).num_layers(2).batch_first(true)), head(64, 1) {
    register_module("gru", gru);
    register_module("head", head);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return head(std::get<0>(gru(x)).select(1, -1)) * 125.0;
  }
  torch::nn::GRU gru;
  torch::nn::Linear head;
};

struct StockCnn : torch::nn::Module {
  StockCnn()
      : first(torch::nn::Conv1dOptions(kChannels, 32, 3).padding(1)),
        second(torch::nn::Conv1dOptions(32, 64, 3).padding(1)),
        head(64, 1) {
    register_module("first", first);
    register_module("second", second);
    register_module("head", head);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor h = torch::relu(second(torch::relu(first(x.transpose(1, 2)))));
    return head(h.mean(2)) * 125.0;
  }
  torch::nn::Conv1d first, second;
  torch::nn::Linear head;
};

struct StockMlp : torch::nn::Module {
  StockMlp() : first(kWindow * kChannels, 128), second(128, 64), head(64, 1) {
    register_module("first", first);
    register_module("second", second);
    register_module("head", head);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return head(torch::relu(second(torch::relu(first(x.flatten(1)))))) * 125.0;
  }
  torch::nn::Linear first, second, head;
};

template <typename Module>
BareLoop StockLoop(const std::vector<HostBatch>& batches) {
  const auto module = std::make_shared<Module>();
  return {batches, [module](const torch::Tensor& x) { return module->forward(x); },
          torch::optim::Adam(module->parameters(), kLearningRate)};
}

BareLoop StockLoopFor(ModelKind kind, const std::vector<HostBatch>& batches) {
  if (kind == ModelKind::kMlp) return StockLoop<StockMlp>(batches);
  if (kind == ModelKind::kCnn1d) return StockLoop<StockCnn>(batches);
  return StockLoop<StockGru>(batches);
}

double StepsPerSecond(int64_t steps, const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  return static_cast<double>(steps) / elapsed.count();
}

double Median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + values.size() / 2);
  return values[values.size() / 2];
}

void Measure(ModelKind kind, int repetitions, int64_t steps) {
  const Plan plan = MakePlan(kind, steps);
  const Architecture architecture = *BuildArchitecture(plan);
  const std::vector<float> start = InitialParameters(architecture, 1);
  const Dataset data = MakeData(plan);
  const auto trainer = *NewTorchTrainer(plan, architecture, {.threads = 1, .allow_cuda = false});
  ScriptedModule module = *ScriptedModule::Compile(architecture, torch::kCPU);
  MR_CHECK(module.SetParameters(start).ok());
  std::vector<torch::Tensor> parameters;
  for (const torch::Tensor& parameter : module.module().parameters()) {
    parameters.push_back(parameter);
  }
  const std::vector<HostBatch> batches = GatherAll(data);
  BareLoop same{batches, [&](const torch::Tensor& x) { return module.Forward(x); },
                torch::optim::Adam(parameters, kLearningRate)};
  BareLoop stock = StockLoopFor(kind, batches);
  const auto train = [&] {
    MR_CHECK(trainer
                 ->Train({.parameters = start,
                          .training = &data,
                          .validation = nullptr,
                          .learning_rate = kLearningRate,
                          .seed = 1,
                          .on_progress = nullptr})
                 .ok());
  };
  std::vector<double> ours, same_graph, stock_layers;
  for (int i = -1; i < repetitions; ++i) {
    const double a = StepsPerSecond(steps, train);
    const double b = StepsPerSecond(steps, [&] { same.Run(steps); });
    const double c = StepsPerSecond(steps, [&] { stock.Run(steps); });
    if (i < 0) continue;  // warm-up
    ours.push_back(a);
    same_graph.push_back(b);
    stock_layers.push_back(c);
  }
  std::printf(
      "{\"model\": \"%s\", \"steps_per_s\": %.1f, \"bare_same_graph\": %.1f, \"ratio\": %.3f, "
      "\"bare_libtorch_layers\": %.1f, \"ratio_to_layers\": %.3f}\n",
      std::string(Name(kind)).c_str(), Median(ours), Median(same_graph),
      Median(ours) / Median(same_graph), Median(stock_layers), Median(ours) / Median(stock_layers));
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  using millrace::ModelKind;
  const int repetitions = argc > 1 ? std::atoi(argv[1]) : 7;
  const int64_t steps = argc > 2 ? std::atoll(argv[2]) : 64;
  if (repetitions < 1 || steps < 1) {
    std::fprintf(stderr, "usage: bench_train [repetitions] [steps per repetition]\n");
    return 2;
  }
  at::set_num_threads(1);
  torch::jit::setGraphExecutorOptimize(false);
  std::printf("{\"gemm_gflops\": %.1f}\n", millrace::GemmGflops());
  for (const ModelKind kind : {ModelKind::kMlp, ModelKind::kCnn1d, ModelKind::kGru}) {
    millrace::Measure(kind, repetitions, steps);
  }
}
