// SPDX-License-Identifier: Apache-2.0
#include "models/test_vectors.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr int kTestWindows = 4;
constexpr uint64_t kTestSeed = 1;

}  // namespace

int64_t OutputsOfWindow(const Plan& plan) {
  const bool reconstructs = plan.task() == Task::kReconstruction;
  return reconstructs ? plan.input.window * static_cast<int64_t>(plan.input.channels.size())
                      : plan.outputs();
}

absl::Status AddTestVectors(const Plan& plan, Predictor& predictor, v1::PackageManifest& manifest) {
  manifest.clear_test_vectors();
  Random random(kTestSeed);
  std::vector<float> input(plan.input.window * static_cast<int64_t>(plan.input.channels.size()));
  std::vector<float> output(predictor.width());
  for (int i = 0; i < kTestWindows; ++i) {
    for (float& x : input) x = static_cast<float>(random.Normal());
    MR_RETURN_IF_ERROR(predictor.Predict(input, output));
    for (const float y : output) {
      if (!std::isfinite(y)) {
        return absl::FailedPreconditionError("the model gives values that are not finite");
      }
    }
    v1::TestVector& vector = *manifest.add_test_vectors();
    vector.mutable_input()->Assign(input.begin(), input.end());
    vector.mutable_output()->Assign(output.begin(), output.end());
  }
  return absl::OkStatus();
}

absl::Status CheckTestVectors(const v1::PackageManifest& manifest, Predictor& predictor) {
  std::vector<float> output(predictor.width());
  for (int i = 0; i < manifest.test_vectors_size(); ++i) {
    const v1::TestVector& vector = manifest.test_vectors(i);
    if (vector.output_size() != predictor.width()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "test vector ", i, " has ", vector.output_size(), " outputs, the model ", output.size()));
    }
    const auto inputs = static_cast<size_t>(vector.input_size());
    MR_RETURN_IF_ERROR(predictor.Predict({vector.input().data(), inputs}, output));
    for (int j = 0; j < vector.output_size(); ++j) {
      const double expected = vector.output(j);
      const double off = std::abs(output[j] - expected);
      if (off <= kTestVectorTolerance * (1 + std::abs(expected))) continue;  // NaN is not
      return absl::FailedPreconditionError(absl::StrCat("test vector ", i, " gives ", output[j],
                                                        " for output ", j, ", not ", expected,
                                                        " as where the package was made"));
    }
  }
  return absl::OkStatus();
}

}  // namespace millrace
