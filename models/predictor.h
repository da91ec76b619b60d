// SPDX-License-Identifier: Apache-2.0
// Inference as everything outside models/torch/ sees it: the graph that was trained, without
// training.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/package.h"

namespace millrace {

/// What each input contributed to one output: integrated gradients (Sundararajan et al. 2017,
/// equation 3) from a baseline.
struct Attribution {
  std::vector<float> values;  // [window, channels]
  /// How far the values are from adding up to output(input) - output(baseline), as a share of it;
  /// they should by completeness (Proposition 1), and the gap is the integral's error.
  double gap = 0;
  int64_t steps = 0;  // of the integral
};

/// A model with its parameters, on the calling thread alone. Not thread-safe; what it says of an
/// input does not depend on what stands beside that in a batch, beyond rounding.
class Predictor {
 public:
  virtual ~Predictor() = default;

  /// `inputs`: [n, window, channels], scaled as in training. `outputs`: [n, width()].
  /// INVALID_ARGUMENT for other sizes, INTERNAL if the graph fails.
  virtual absl::Status Predict(std::span<const float> inputs, std::span<float> outputs) = 0;

  /// Of the output element `output`, for one `input` [window, channels] from `baseline` of the same
  /// size. Steps are added until the gap is at most 1 % or they are 512.
  virtual absl::StatusOr<Attribution> Attribute(std::span<const float> input,
                                                std::span<const float> baseline,
                                                int64_t output) = 0;

  /// Outputs per window: window * channels for reconstruction.
  virtual int64_t width() const = 0;
};

/// INVALID_ARGUMENT if the package's graph does not compile.
using PredictorFactory =
    std::function<absl::StatusOr<std::unique_ptr<Predictor>>(const ModelPackage& package)>;

}  // namespace millrace
