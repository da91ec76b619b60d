// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/catalogue/architecture.h"

namespace millrace {

/// A catalogue graph compiled to TorchScript. Its parameters and their gradients are views into one
/// flat tensor each, in layout order, so that copying a model in or out is one copy and an
/// optimiser step a few operations, however many tensors there are. Not thread-safe.
class ScriptedModule {
 public:
  /// INVALID_ARGUMENT if the graph does not compile.
  static absl::StatusOr<ScriptedModule> Compile(const Architecture& architecture,
                                                torch::Device device);

  /// INVALID_ARGUMENT unless `parameters` is as long as the layout.
  absl::Status SetParameters(std::span<const float> parameters);
  std::vector<float> Parameters() const;

  /// Dropout is on while training.
  void SetTraining(bool training) { module_.train(training); }
  /// `x`: [batch, window, channels] on the module's device. Throws c10::Error.
  torch::Tensor Forward(const torch::Tensor& x);

  /// Flat [size]. Written in place, without autograd.
  torch::Tensor& values() { return values_; }
  /// Flat [size]. backward() adds to it.
  torch::Tensor& gradients() { return gradients_; }
  torch::jit::Module& module() { return module_; }
  torch::Device device() const { return values_.device(); }

 private:
  ScriptedModule() : module_("Model") {}

  torch::jit::Module module_;
  torch::Tensor values_;
  torch::Tensor gradients_;
};

}  // namespace millrace
