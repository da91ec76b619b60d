// SPDX-License-Identifier: Apache-2.0
#include "models/torch/operators.h"

#include <torch/csrc/jit/frontend/sugared_value.h>
#include <torch/library.h>

#include "models/torch/recurrent_layers.h"

namespace millrace {
namespace {

constexpr char kNamespace[] = "millrace";

class Resolver : public torch::jit::NativeResolver {
 public:
  std::shared_ptr<torch::jit::SugaredValue> resolveValue(
      const std::string& name, torch::jit::GraphFunction& method,
      const torch::jit::SourceRange& location) override {
    if (name == kNamespace) return std::make_shared<torch::jit::BuiltinModule>(kNamespace);
    return NativeResolver::resolveValue(name, method, location);
  }
};

torch::Library* Register() {
  // Never freed: LibTorch's registry may be gone before our statics are.
  auto* library =
      new torch::Library(torch::Library::DEF, kNamespace, c10::nullopt, __FILE__, __LINE__);
  library->def("gru_layer(Tensor x, Tensor w_ih, Tensor w_hh, Tensor b_ih, Tensor b_hh) -> Tensor",
               &GruLayer);
  library->def("lstm_layer(Tensor x, Tensor w_ih, Tensor w_hh, Tensor b_ih, Tensor b_hh) -> Tensor",
               &LstmLayer);
  return library;
}

}  // namespace

void RegisterOperators() { [[maybe_unused]] static torch::Library* const library = Register(); }

std::shared_ptr<torch::jit::Resolver> OperatorResolver() { return std::make_shared<Resolver>(); }

}  // namespace millrace
