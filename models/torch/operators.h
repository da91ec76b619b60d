// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/jit/frontend/resolver.h>

#include <memory>

namespace millrace {

/// Makes millrace::gru_layer and millrace::lstm_layer known to LibTorch, once per process. Needed
/// before a graph that uses them is compiled or loaded from a file. Thread-safe.
void RegisterOperators();

/// What names mean in a catalogue graph's source: `torch.` LibTorch's operators, `millrace.` ours.
std::shared_ptr<torch::jit::Resolver> OperatorResolver();

}  // namespace millrace
