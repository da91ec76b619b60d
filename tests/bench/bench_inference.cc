// SPDX-License-Identifier: Apache-2.0
// What the inference engine adds to the bare graph: for each model, the time of one window through
// LibTorch alone, through the Predictor, and through the engine from the samples to the verdict, in
// turns; then samples per second that one thread takes from memory. Prints JSON lines.
//
//   bench_inference [windows]
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
#include "client/inference/engine.h"
#include "models/torch/blas_speed.h"
#include "models/torch/scripted_module.h"
#include "models/torch/torch_predictor.h"

namespace millrace {
namespace {

constexpr int64_t kStart = 1'700'000'000 * kNsPerS;

struct Shape {
  std::string name;
  Plan plan;
};

Plan PlanOf(ModelKind kind, int64_t window, int64_t channels) {
  Plan plan;
  plan.run.name = "bench";
  plan.model.kind = kind;
  plan.input.window = window;
  plan.input.normalization = Normalization::kNone;
  for (int64_t i = 0; i < channels; ++i) plan.input.channels.push_back(std::to_string(i));
  return plan;
}

std::vector<Shape> Shapes() {
  std::vector<Shape> shapes = {
      {"autoencoder 256-64-16-64-256", PlanOf(ModelKind::kAutoencoder, 256, 1)},
      {"cnn1d 1x1024", PlanOf(ModelKind::kCnn1d, 1024, 1)},
      {"gru 30x14", PlanOf(ModelKind::kGru, 30, 14)}};
  shapes[0].plan.model.hidden = {64, 16};
  shapes[1].plan.model.filters = {16, 32, 32};
  shapes[1].plan.model.kernel = 7;
  shapes[1].plan.model.pool = 2;
  shapes[1].plan.label = {.kind = LabelKind::kColumn, .column = "", .classes = 10, .cap = 0};
  shapes[2].plan.model.hidden = {64};
  shapes[2].plan.model.layers = 2;
  shapes[2].plan.label = {.kind = LabelKind::kRunToFailure, .column = "", .classes = 0, .cap = 125};
  return shapes;
}

ModelPackage PackageOf(const Plan& plan) {
  ModelPackage package;
  package.plan = plan;
  package.manifest.set_name(plan.run.name);
  package.architecture = BuildArchitecture(plan).value();
  package.parameters = InitialParameters(package.architecture, 1);
  return package;
}

std::shared_ptr<InstalledModel> ModelOf(const Plan& plan) {
  auto model = std::make_shared<InstalledModel>();
  model->package = PackageOf(plan);
  model->predictors.push_back(NewTorchPredictor(model->package).value());
  return model;
}

MachineConfig MachinesOf(const Plan& plan, int machines, int64_t hop) {
  MachineConfig config;
  for (int i = 0; i < machines; ++i) config.names.push_back("machine-" + std::to_string(i));
  config.model = plan.run.name;
  config.rate_hz = 10;
  config.hop = hop;
  config.threshold = 1e9;
  config.normal_class = 0;
  for (const std::string& name : plan.input.channels) {
    ChannelConfig channel;
    channel.name = name;
    channel.rate_hz = 10;
    channel.rules.min = -100;
    channel.rules.max = 100;
    config.channels.push_back(channel);
  }
  return config;
}

double MicrosecondsOf(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

double Quantile(std::vector<double> values, double share) {
  const auto at = values.begin() + static_cast<int64_t>(share * static_cast<double>(values.size()));
  std::ranges::nth_element(values, at);
  return *at;
}

void CompareWindows(const Shape& shape, int windows) {
  const Plan& plan = shape.plan;
  const auto channels = static_cast<int64_t>(plan.input.channels.size());
  const ModelPackage package = PackageOf(plan);
  ScriptedModule module = ScriptedModule::Compile(package.architecture, torch::kCPU).value();
  MR_CHECK(module.SetParameters(package.parameters).ok());
  module.SetTraining(false);
  const std::unique_ptr<Predictor> predictor = NewTorchPredictor(package).value();
  int64_t verdicts = 0;
  ScoringEngine engine({MachinesOf(plan, 1, /*hop=*/1)}, SystemLiveClock(),
                       [&](const MachineVerdict&) { ++verdicts; });
  MR_CHECK(engine.Use(ModelOf(plan)).ok());

  Random random(1);
  std::vector<float> input(plan.input.window * channels);
  for (float& x : input) x = static_cast<float>(random.Normal());
  std::vector<float> output(predictor->width());
  const torch::Tensor tensor =
      torch::from_blob(input.data(), {1, plan.input.window, channels}, torch::kFloat32);
  std::vector<double> bare, predicted, judged;
  int64_t row = 0;
  for (int i = 0; i < windows + static_cast<int>(plan.input.window); ++i) {
    SampleBatch batch{SystemLiveClock()->MonotonicNs(), {}};
    for (int64_t c = 0; c < channels; ++c) {
      batch.samples.push_back({kStart + row * kNsPerS / 10, static_cast<ChannelIndex>(c),
                               static_cast<float>(random.Normal())});
    }
    ++row;
    const auto judge = [&] {
      engine.Process(batch);
      engine.ScoreDue();
    };
    if (i < plan.input.window) {  // no window is due yet
      judge();
      continue;
    }
    bare.push_back(MicrosecondsOf([&] {
      const c10::InferenceMode no_autograd;
      (void)module.Forward(tensor);
    }));
    predicted.push_back(MicrosecondsOf([&] { MR_CHECK(predictor->Predict(input, output).ok()); }));
    judged.push_back(MicrosecondsOf(judge));
  }
  MR_CHECK(verdicts >= windows);
  const double floor = Quantile(bare, 0.5);
  std::printf(
      "{\"model\": \"%s\", \"windows\": %d, \"bare_us\": %.2f, \"predictor_ratio\": %.3f, "
      "\"engine_ratio\": %.3f, \"bare_p99_over_p50\": %.2f, \"engine_p99_over_p50\": %.2f}\n",
      shape.name.c_str(), windows, floor, Quantile(predicted, 0.5) / floor,
      Quantile(judged, 0.5) / floor, Quantile(bare, 0.99) / floor,
      Quantile(judged, 0.99) / Quantile(judged, 0.5));
  std::fflush(stdout);
}

/// 1,250 machines of 8 channels, a window of 30 rows judged every 30.
void MeasureSamples() {
  Plan plan = PlanOf(ModelKind::kAutoencoder, 30, 8);
  plan.model.hidden = {64, 16};
  constexpr int kMachines = 1250;
  constexpr int kRows = 300;
  ScoringEngine engine({MachinesOf(plan, kMachines, /*hop=*/30)}, SystemLiveClock(),
                       [](const MachineVerdict&) {});
  MR_CHECK(engine.Use(ModelOf(plan)).ok());
  Random random(1);
  std::vector<float> values(100'003);
  for (float& x : values) x = static_cast<float>(random.Normal());
  size_t next = 0;
  double seconds = 0;
  for (int row = 0; row < kRows; ++row) {
    SampleBatch batch{SystemLiveClock()->MonotonicNs(), {}};
    for (ChannelIndex channel = 0; channel < 8 * kMachines; ++channel) {
      batch.samples.push_back(
          {kStart + row * kNsPerS / 10, channel, values[next++ % values.size()]});
    }
    seconds += MicrosecondsOf([&] {
                 engine.Process(batch);
                 engine.ScoreDue();
               }) /
               1e6;
  }
  std::printf("{\"machines\": %d, \"channels\": %d, \"windows\": %lld, \"samples_per_s\": %.0f}\n",
              kMachines, 8 * kMachines, static_cast<long long>(engine.counts().windows),
              static_cast<double>(engine.counts().samples) / seconds);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  const int windows = argc > 1 ? std::atoi(argv[1]) : 20'000;
  if (windows < 100) {
    std::fprintf(stderr, "bench_inference [windows], at least 100\n");
    return 2;
  }
  millrace::WarnIfBlasIsSlow();
  at::set_num_threads(1);
  torch::jit::setGraphExecutorOptimize(false);
  for (const millrace::Shape& shape : millrace::Shapes()) millrace::CompareWindows(shape, windows);
  millrace::MeasureSamples();
}
