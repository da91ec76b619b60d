// SPDX-License-Identifier: Apache-2.0
#include "client/inference/scoring.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace millrace {

std::vector<double> ChannelErrors(std::span<const float> input, std::span<const float> output,
                                  int64_t channels) {
  MR_CHECK(input.size() == output.size());
  std::vector<double> errors(channels);
  for (size_t i = 0; i < input.size();) {
    for (int64_t c = 0; c < channels; ++c, ++i) errors[c] += std::abs(input[i] - output[i]);
  }
  const double rows = static_cast<double>(input.size()) / static_cast<double>(channels);
  for (double& error : errors) error /= rows;
  return errors;
}

double ReconstructionError(std::span<const float> input, std::span<const float> output) {
  MR_CHECK(input.size() == output.size());
  // Several sums, so that the loop is as wide as the processor.
  constexpr size_t kLanes = 8;
  float sums[kLanes] = {};
  double total = 0;
  constexpr size_t kBlock = 4096;  // floats are exact enough for so many
  for (size_t begin = 0; begin < input.size(); begin += kBlock) {
    const size_t end = std::min(begin + kBlock, input.size());
    size_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        sums[lane] += std::abs(input[i + lane] - output[i + lane]);
      }
    }
    for (; i < end; ++i) total += std::abs(input[i] - output[i]);
    for (float& sum : sums) {
      total += sum;
      sum = 0;
    }
  }
  return total / static_cast<double>(input.size());
}

ClassScore Classify(std::span<const float> logits) {
  const auto largest = std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - *largest);
  const bool finite = std::ranges::all_of(logits, [](float x) { return std::isfinite(x); });
  return {largest - logits.begin(), finite ? 1 / sum : std::numeric_limits<double>::quiet_NaN()};
}

std::vector<ChannelShare> SharesOf(std::span<const double> parts,
                                   std::span<const std::string> channels) {
  MR_CHECK(parts.size() == channels.size());
  double sum = 0;
  for (const double part : parts) sum += std::abs(part);
  if (!std::isfinite(sum) || sum <= 0) return {};
  std::vector<ChannelShare> shares;
  for (size_t i = 0; i < parts.size(); ++i) {
    shares.push_back({channels[i], std::abs(parts[i]) / sum});
  }
  std::ranges::stable_sort(shares, std::greater(), &ChannelShare::share);
  return shares;
}

}  // namespace millrace
