// SPDX-License-Identifier: Apache-2.0
#include "models/torch/scripted_module.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "models/torch/operators.h"

namespace millrace {

absl::StatusOr<ScriptedModule> ScriptedModule::Compile(const Architecture& architecture,
                                                       torch::Device device) {
  const Layout& layout = architecture.layout;
  ScriptedModule result;
  try {
    const torch::TensorOptions options = torch::TensorOptions(torch::kFloat32).device(device);
    result.values_ = torch::zeros({layout.size()}, options);
    result.gradients_ = torch::zeros({layout.size()}, options);
    for (size_t i = 0; i < layout.tensors().size(); ++i) {
      const TensorSpec& spec = layout.tensors()[i];
      const auto view = [&](const torch::Tensor& flat) {
        return flat.narrow(0, layout.offset(i), spec.Elements()).view(spec.shape).detach();
      };
      torch::Tensor parameter = view(result.values_).requires_grad_();
      parameter.mutable_grad() = view(result.gradients_);
      result.module_.register_parameter(absl::StrReplaceAll(spec.name, {{".", "_"}}), parameter,
                                        /*is_buffer=*/false);
    }
    // A module made in C++ has no such attribute by itself, and train() and dropout need it.
    result.module_.register_attribute("training", c10::BoolType::get(), true);
    RegisterOperators();
    result.module_.define(architecture.source, OperatorResolver());
  } catch (const c10::Error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("the model's graph does not compile: ", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("the model's graph does not compile: ", error.what()));
  }
  return result;
}

absl::Status ScriptedModule::SetParameters(std::span<const float> parameters) {
  if (static_cast<int64_t>(parameters.size()) != values_.numel()) {
    return absl::InvalidArgumentError(absl::StrCat("parameter vector has ", parameters.size(),
                                                   " elements, the model ", values_.numel(),
                                                   "; was it made under another plan?"));
  }
  // from_blob wants a mutable pointer and only reads here.
  const torch::Tensor source =
      torch::from_blob(const_cast<float*>(parameters.data()), {values_.numel()}, torch::kFloat32);
  torch::NoGradGuard no_grad;
  values_.copy_(source);
  return absl::OkStatus();
}

std::vector<float> ScriptedModule::Parameters() const {
  const torch::Tensor host = values_.to(torch::kCPU);
  const float* data = host.data_ptr<float>();
  return {data, data + host.numel()};
}

torch::Tensor ScriptedModule::Forward(const torch::Tensor& x) {
  return module_.forward({x}).toTensor();
}

}  // namespace millrace
