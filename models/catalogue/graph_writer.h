// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/catalogue/architecture.h"

namespace millrace {

/// Collects a graph's parameters and the lines of its `forward`.
class GraphWriter {
 public:
  /// Adds a parameter, uniform in [-bound, bound] at the start, and returns the expression that
  /// reads it. `bound` is 1 / sqrt(fan in) for linear and convolutional layers and their biases:
  /// PyTorch's default, Kaiming-uniform with a = sqrt 5 (He et al. 2015).
  std::string Parameter(std::string name, std::vector<int64_t> shape, double bound);

  /// Appends `line` to the body of `forward(self, x)`.
  void Line(absl::string_view line);

  /// h = torch.linear(h, ...), with parameters `name`.weight and `name`.bias.
  void Linear(absl::string_view name, int64_t inputs, int64_t outputs);
  /// h = dropout(h) while the module trains; nothing for probability 0.
  void Dropout(double probability);

  absl::StatusOr<Architecture> Finish() &&;

 private:
  std::vector<TensorSpec> tensors_;
  std::vector<Initialization> initialization_;
  std::string body_;
};

}  // namespace millrace
