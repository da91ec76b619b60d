// SPDX-License-Identifier: Apache-2.0
#include "models/torch/torch_trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status.h"
#include "models/torch/allocator.h"
#include "models/torch/batches.h"
#include "models/torch/exceptions.h"
#include "models/torch/optimizer.h"
#include "models/torch/scripted_module.h"

namespace millrace {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kProgressInterval(1);
constexpr int64_t kEvaluationBatch = 256;  // examples

/// The first `count` integers.
std::vector<int64_t> Indices(int64_t count) {
  std::vector<int64_t> indices(count);
  std::iota(indices.begin(), indices.end(), int64_t{0});
  return indices;
}

/// `size` of `indices` from number `first` on, or as many as there are.
std::span<const int64_t> Slice(std::span<const int64_t> indices, int64_t first, int64_t size) {
  return indices.subspan(first, std::min<size_t>(size, indices.size() - first));
}

class TorchTrainer : public Trainer {
 public:
  TorchTrainer(const Plan& plan, const TorchOptions& options, ScriptedModule module)
      : plan_(plan), options_(options), module_(std::move(module)) {}

  absl::StatusOr<TrainingResult> Train(const TrainingRequest& request) override;
  absl::StatusOr<std::vector<float>> Predict(std::span<const float> parameters,
                                             const Dataset& data) override;

 private:
  /// What a running Train carries from epoch to epoch.
  struct Run {
    const TrainingRequest& request;
    BatchLoader batches;
    FlatOptimizer optimizer;
    Random order;
    std::vector<int64_t> indices;  // of the training examples, shuffled anew each epoch
    TrainingResult result;
    SteadyClock::time_point last_progress = SteadyClock::now();
  };

  absl::Status CheckData(const Dataset& data) const;
  absl::StatusOr<TrainingResult> RunEpochs(const TrainingRequest& request);
  absl::Status RunEpoch(int64_t epoch, Run& run);
  /// One optimiser step; returns the batch's loss.
  double Step(const Batch& batch, FlatOptimizer& optimizer);
  absl::Status Report(int64_t epoch, double loss, Run& run) const;
  bool OutOfSteps(int64_t steps) const {
    return plan_.training.max_steps > 0 && steps >= plan_.training.max_steps;
  }
  double ValidationLoss(const Dataset& data);
  std::vector<float> Outputs(const Dataset& data);
  torch::Tensor Loss(const torch::Tensor& outputs, const Batch& batch) const;
  /// LibTorch keeps these per thread, and ours may have changed since the last call.
  void ConfigureThread() const;

  Plan plan_;
  TorchOptions options_;
  ScriptedModule module_;
};

void TorchTrainer::ConfigureThread() const {
  at::set_num_threads(options_.threads);
  // The profiling executor hangs under autograd on LibTorch 2.6 and costs a fifth of the speed on
  // 1.13.
  torch::jit::setGraphExecutorOptimize(false);
}

absl::Status TorchTrainer::CheckData(const Dataset& data) const {
  const auto channels = static_cast<int64_t>(plan_.input.channels.size());
  if (data.window != plan_.input.window || data.channels != channels) {
    return absl::InvalidArgumentError(
        absl::StrCat("data set of windows ", data.window, " x ", data.channels, " for a model of ",
                     plan_.input.window, " x ", channels, "; was it made under another plan?"));
  }
  if (plan_.task() != Task::kClassification) return absl::OkStatus();
  for (const Example& example : data.examples) {
    const float label = example.target;
    if (label >= 0 && label < static_cast<float>(plan_.outputs()) && label == std::floor(label)) {
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("unit '", data.series[example.series].unit, "', step ", example.end,
                     ": label ", label, " is none of the classes 0 .. ", plan_.outputs() - 1,
                     "; correct the data or label.classes"));
  }
  return absl::OkStatus();
}

torch::Tensor TorchTrainer::Loss(const torch::Tensor& outputs, const Batch& batch) const {
  switch (plan_.task()) {
    case Task::kRegression: {
      const torch::Tensor loss = torch::mse_loss(outputs.squeeze(1), batch.targets);
      const double scale = LabelScale(plan_.label);
      return scale == 1 ? loss : loss * (1 / (scale * scale));
    }
    case Task::kClassification:
      return torch::cross_entropy_loss(outputs, batch.targets.to(torch::kLong));
    case Task::kReconstruction:
      return torch::mse_loss(outputs, batch.inputs);
  }
  MR_CHECK(false);
}

double TorchTrainer::Step(const Batch& batch, FlatOptimizer& optimizer) {
  module_.gradients().zero_();
  const torch::Tensor loss = Loss(module_.Forward(batch.inputs), batch);
  loss.backward();
  const double value = loss.item<double>();
  if (std::isfinite(value)) optimizer.Step(module_.values(), module_.gradients());
  return value;
}

absl::Status TorchTrainer::Report(int64_t epoch, double loss, Run& run) const {
  run.last_progress = SteadyClock::now();
  if (!run.request.on_progress) return absl::OkStatus();
  if (run.request.on_progress({.epoch = epoch, .step = run.result.steps, .loss = loss})) {
    return absl::OkStatus();
  }
  return absl::CancelledError(
      absl::StrCat("training was cancelled in epoch ", epoch, " after step ", run.result.steps));
}

absl::Status TorchTrainer::RunEpoch(int64_t epoch, Run& run) {
  run.order.Shuffle(std::span(run.indices));
  module_.SetTraining(true);
  const int64_t batch_size = plan_.training.batch_size;
  const auto examples = static_cast<int64_t>(run.indices.size());
  double loss_sum = 0;
  int64_t seen = 0;
  for (int64_t i = 0; i < examples && !OutOfSteps(run.result.steps); i += batch_size) {
    const std::span<const int64_t> indices = Slice(run.indices, i, batch_size);
    const double loss = Step(run.batches.Load(indices), run.optimizer);
    ++run.result.steps;
    if (!std::isfinite(loss)) {
      return absl::AbortedError(absl::StrCat(
          "the training loss is not finite (", loss, ") in epoch ", epoch, ", step ",
          run.result.steps,
          "; lower training.learning_rate, set training.clip_norm, or look for missing values"));
    }
    seen += static_cast<int64_t>(indices.size());
    loss_sum += loss * static_cast<double>(indices.size());
    if (SteadyClock::now() - run.last_progress >= kProgressInterval) {
      MR_RETURN_IF_ERROR(Report(epoch, loss_sum / static_cast<double>(seen), run));
    }
  }
  run.result.loss = loss_sum / static_cast<double>(seen);
  run.result.examples = std::max(run.result.examples, seen);
  return Report(epoch, run.result.loss, run);
}

double TorchTrainer::ValidationLoss(const Dataset& data) {
  torch::NoGradGuard no_grad;
  module_.SetTraining(false);
  const std::vector<int64_t> indices = Indices(data.size());
  BatchLoader batches(&data, std::min(kEvaluationBatch, data.size()), module_.device());
  double sum = 0;
  for (int64_t i = 0; i < data.size(); i += kEvaluationBatch) {
    const std::span<const int64_t> slice = Slice(indices, i, kEvaluationBatch);
    const Batch batch = batches.Load(slice);
    sum += Loss(module_.Forward(batch.inputs), batch).item<double>() *
           static_cast<double>(slice.size());
  }
  return sum / static_cast<double>(data.size());
}

absl::StatusOr<TrainingResult> TorchTrainer::RunEpochs(const TrainingRequest& request) {
  const TrainingPlan& training = plan_.training;
  const Dataset& data = *request.training;
  torch::manual_seed(request.seed);  // dropout
  Run run{request,
          BatchLoader(&data, std::min(training.batch_size, data.size()), module_.device()),
          FlatOptimizer(training, request.learning_rate, module_.values()),
          Random(request.seed).Fork("batches"),
          Indices(data.size()),
          {}};
  const bool stops_early = training.patience > 0 && request.validation != nullptr &&
                           !request.validation->examples.empty();
  double best_loss = std::numeric_limits<double>::infinity();
  int64_t best_epoch = 0;
  for (int64_t epoch = 1; epoch <= training.epochs && !OutOfSteps(run.result.steps); ++epoch) {
    MR_RETURN_IF_ERROR(RunEpoch(epoch, run));
    if (!stops_early) continue;
    const double loss = ValidationLoss(*request.validation);
    if (loss < best_loss) {
      best_loss = loss;
      best_epoch = epoch;
      run.result.parameters = module_.Parameters();
    } else if (epoch - best_epoch >= training.patience) {
      break;
    }
  }
  if (best_epoch == 0) run.result.parameters = module_.Parameters();
  // The last step may have overflowed after a finite loss.
  if (!std::ranges::all_of(run.result.parameters, [](float x) { return std::isfinite(x); })) {
    return absl::AbortedError(
        absl::StrCat("the parameters are not finite after step ", run.result.steps,
                     "; lower training.learning_rate or set training.clip_norm"));
  }
  return std::move(run.result);
}

absl::StatusOr<TrainingResult> TorchTrainer::Train(const TrainingRequest& request) {
  if (request.training == nullptr || request.training->examples.empty()) {
    return absl::FailedPreconditionError(
        "no training examples: the site has no full labelled window; check its data source, "
        "input.window and split.validation");
  }
  MR_RETURN_IF_ERROR(CheckData(*request.training));
  if (request.validation != nullptr) MR_RETURN_IF_ERROR(CheckData(*request.validation));
  return WithoutExceptions("training", [&]() -> absl::StatusOr<TrainingResult> {
    ConfigureThread();
    MR_RETURN_IF_ERROR(module_.SetParameters(request.parameters));
    return RunEpochs(request);
  });
}

absl::StatusOr<std::vector<float>> TorchTrainer::Predict(std::span<const float> parameters,
                                                         const Dataset& data) {
  MR_RETURN_IF_ERROR(CheckData(data));
  return WithoutExceptions("prediction", [&]() -> absl::StatusOr<std::vector<float>> {
    ConfigureThread();
    MR_RETURN_IF_ERROR(module_.SetParameters(parameters));
    return Outputs(data);
  });
}

std::vector<float> TorchTrainer::Outputs(const Dataset& data) {
  torch::NoGradGuard no_grad;
  module_.SetTraining(false);
  const int64_t width =
      plan_.task() == Task::kReconstruction ? data.window * data.channels : plan_.outputs();
  std::vector<float> outputs;
  outputs.reserve(data.size() * width);
  const std::vector<int64_t> indices = Indices(data.size());
  BatchLoader batches(&data, std::min(kEvaluationBatch, data.size()), module_.device());
  for (int64_t i = 0; i < data.size(); i += kEvaluationBatch) {
    const std::span<const int64_t> slice = Slice(indices, i, kEvaluationBatch);
    const torch::Tensor output =
        module_.Forward(batches.Load(slice).inputs).to(torch::kCPU).contiguous();
    MR_CHECK(output.numel() == static_cast<int64_t>(slice.size()) * width);
    const float* values = output.data_ptr<float>();
    outputs.insert(outputs.end(), values, values + output.numel());
  }
  return outputs;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> NewTorchTrainer(const Plan& plan,
                                                         const Architecture& architecture,
                                                         const TorchOptions& options) {
  KeepFreedMemory();
  const bool cuda = options.allow_cuda && torch::cuda::is_available();
  MR_ASSIGN_OR_RETURN(ScriptedModule module,
                      ScriptedModule::Compile(architecture, cuda ? torch::kCUDA : torch::kCPU));
  return std::make_unique<TorchTrainer>(plan, options, std::move(module));
}

}  // namespace millrace
