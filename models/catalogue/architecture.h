// SPDX-License-Identifier: Apache-2.0
// A catalogue entry made concrete: parameters, their start values and the graph's source text.
// Free of LibTorch, so that the coordinator can lay out and initialise a model it never runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregation/layout.h"
#include "plan/plan.h"

namespace millrace {

/// How a parameter tensor starts: uniform in [-bound, bound], and every element at `value` when
/// bound is 0.
struct Initialization {
  double bound = 0;
  double value = 0;
};

struct Architecture {
  Layout layout;
  std::vector<Initialization> initialization;  // one per tensor of the layout
  /// TorchScript methods for Module::define. `forward(self, x)` takes x: float32
  /// [batch, window, channels] and returns [batch, outputs], or x's own shape for reconstruction.
  /// Parameters are attributes named as in the layout, '.' replaced by '_'. `millrace.` names the
  /// operators of models/torch/operators.h.
  std::string source;
};

/// Parameters of a model at most, so that its package stays below the 2 GiB of one message.
inline constexpr int64_t kMaxParameters = 500'000'000;

/// INVALID_ARGUMENT, naming the plan's key, for hyperparameters that give no valid graph (a window
/// too short for its pooling, for example) or more than kMaxParameters.
absl::StatusOr<Architecture> BuildArchitecture(const Plan& plan);

/// What the graph multiplies its raw output with, so that its last layer works in numbers around 1
/// while callers see label units. The training loss is taken on (output - target) / scale. The cap
/// for run-to-failure labels, else 1.
double LabelScale(const LabelPlan& label);

/// Start values, elements in layout order; the same seed gives the same vector everywhere.
std::vector<float> InitialParameters(const Architecture& architecture, uint64_t seed);

}  // namespace millrace
