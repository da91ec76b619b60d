// SPDX-License-Identifier: Apache-2.0
#include "models/torch/torch_predictor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "models/test_vectors.h"
#include "models/torch/exceptions.h"
#include "models/torch/scripted_module.h"

namespace millrace {
namespace {

constexpr int64_t kFirstSteps = 32;  // of an integral
constexpr int64_t kMostSteps = 512;
constexpr int64_t kPathBatch = 64;  // points of an integral's path at a time
constexpr double kGap = 0.01;

class TorchPredictor : public Predictor {
 public:
  TorchPredictor(int64_t window, int64_t channels, int64_t width, ScriptedModule module)
      : window_(window), channels_(channels), width_(width), module_(std::move(module)) {
    module_.SetTraining(false);
  }

  absl::Status Predict(std::span<const float> inputs, std::span<float> outputs) override;
  absl::StatusOr<Attribution> Attribute(std::span<const float> input,
                                        std::span<const float> baseline, int64_t output) override;
  int64_t width() const override { return width_; }

 private:
  int64_t InputSize() const { return window_ * channels_; }
  /// [n, window, channels] over the caller's memory, which it only reads.
  torch::Tensor View(std::span<const float> inputs) const {
    return torch::from_blob(const_cast<float*>(inputs.data()),
                            {static_cast<int64_t>(inputs.size()) / InputSize(), window_, channels_},
                            torch::kFloat32);
  }
  /// The gradients' mean over `steps` points in the middle of equal parts of the way.
  torch::Tensor MeanGradient(const torch::Tensor& from, const torch::Tensor& way, int64_t output,
                             int64_t steps);
  double OutputAt(const torch::Tensor& input, int64_t output);

  const int64_t window_;
  const int64_t channels_;
  const int64_t width_;
  ScriptedModule module_;
};

/// For the calling thread; see DESIGN.md's facts on both.
void ConfigureThread() {
  if (at::get_num_threads() != 1) at::set_num_threads(1);
  torch::jit::setGraphExecutorOptimize(false);
}

absl::Status TorchPredictor::Predict(std::span<const float> inputs, std::span<float> outputs) {
  const int64_t count = static_cast<int64_t>(inputs.size()) / InputSize();
  if (count == 0 || count * InputSize() != static_cast<int64_t>(inputs.size()) ||
      count * width_ != static_cast<int64_t>(outputs.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat(inputs.size(), " inputs and ", outputs.size(), " outputs for a model of ",
                     window_, " x ", channels_, " inputs and ", width_, " outputs a window"));
  }
  return WithoutExceptions("prediction", [&]() -> absl::Status {
    ConfigureThread();
    const c10::InferenceMode no_autograd;
    const torch::Tensor output = module_.Forward(View(inputs)).contiguous();
    if (output.numel() != static_cast<int64_t>(outputs.size())) {
      return absl::InternalError(absl::StrCat("the graph gives ", output.numel(),
                                              " outputs in place of ", outputs.size()));
    }
    std::copy_n(output.data_ptr<float>(), outputs.size(), outputs.data());
    return absl::OkStatus();
  });
}

torch::Tensor TorchPredictor::MeanGradient(const torch::Tensor& from, const torch::Tensor& way,
                                           int64_t output, int64_t steps) {
  torch::Tensor sum = torch::zeros_like(from);
  for (int64_t first = 0; first < steps; first += kPathBatch) {
    const int64_t count = std::min(kPathBatch, steps - first);
    const torch::Tensor shares =
        (torch::arange(first, first + count, torch::kFloat32) + 0.5) / static_cast<double>(steps);
    const torch::Tensor points =
        (from + shares.view({count, 1, 1}) * way).detach().requires_grad_();
    const torch::Tensor outputs =
        module_.Forward(points).reshape({count, width_}).select(1, output).sum();
    sum += torch::autograd::grad({outputs}, {points})[0].sum(0, /*keepdim=*/true);
  }
  return sum / static_cast<double>(steps);
}

double TorchPredictor::OutputAt(const torch::Tensor& input, int64_t output) {
  const torch::NoGradGuard no_grad;
  return module_.Forward(input).reshape({width_})[output].item<double>();
}

absl::StatusOr<Attribution> TorchPredictor::Attribute(std::span<const float> input,
                                                      std::span<const float> baseline,
                                                      int64_t output) {
  if (static_cast<int64_t>(input.size()) != InputSize() || input.size() != baseline.size() ||
      output < 0 || output >= width_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "attribution of output ", output, " to ", input.size(), " inputs from ", baseline.size(),
        "; the model has ", window_, " x ", channels_, " inputs and ", width_, " outputs"));
  }
  return WithoutExceptions("attribution", [&]() -> absl::StatusOr<Attribution> {
    ConfigureThread();
    const torch::Tensor from = View(baseline);
    const torch::Tensor way = View(input) - from;
    const double change = OutputAt(View(input), output) - OutputAt(from, output);
    Attribution attribution;
    for (int64_t steps = kFirstSteps; steps <= kMostSteps; steps *= 2) {
      const torch::Tensor shares = (way * MeanGradient(from, way, output, steps)).contiguous();
      const float* values = shares.data_ptr<float>();
      attribution.values.assign(values, values + InputSize());
      attribution.steps = steps;
      const double missing = std::abs(shares.sum(torch::kFloat64).item<double>() - change);
      attribution.gap = change == 0 ? missing : missing / std::abs(change);
      if (attribution.gap <= kGap) break;
    }
    return attribution;
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Predictor>> NewTorchPredictor(const ModelPackage& package) {
  const InputPlan& input = package.plan.input;
  const auto channels = static_cast<int64_t>(input.channels.size());
  MR_ASSIGN_OR_RETURN(ScriptedModule module,
                      ScriptedModule::Compile(package.architecture, torch::kCPU));
  MR_RETURN_IF_ERROR(module.SetParameters(package.parameters));
  return std::make_unique<TorchPredictor>(input.window, channels, OutputsOfWindow(package.plan),
                                          std::move(module));
}

}  // namespace millrace
