// SPDX-License-Identifier: Apache-2.0
// From a model's outputs to a score and its explanation: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "client/inference/machine_verdict.h"

namespace millrace {

/// Mean absolute error of each channel over a window; `input`, `output`: [window, channels].
std::vector<double> ChannelErrors(std::span<const float> input, std::span<const float> output,
                                  int64_t channels);

/// The mean over all of them: the score of a reconstruction.
double ReconstructionError(std::span<const float> input, std::span<const float> output);

struct ClassScore {
  int64_t predicted = 0;   // the first of the largest
  double probability = 0;  // softmax; NaN if an output is not finite
};
ClassScore Classify(std::span<const float> logits);

/// `parts` as shares of their sum, the largest first, each with its channel's name. Parts below 0
/// count by their size. Empty if the parts add up to nothing or are not finite.
std::vector<ChannelShare> SharesOf(std::span<const double> parts,
                                   std::span<const std::string> channels);

}  // namespace millrace
