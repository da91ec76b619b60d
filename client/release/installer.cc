// SPDX-License-Identifier: Apache-2.0
#include "client/release/installer.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status.h"
#include "models/test_vectors.h"

namespace millrace {
namespace {

constexpr int kWarmUps = 20;
constexpr int kTimed = 101;
constexpr double kLeastNs = 100'000;  // a model as quick as this is never too slow

/// Median time of one window.
absl::StatusOr<double> TimeOfAWindow(Predictor& predictor, std::span<const float> window,
                                     LiveClock* clock) {
  std::vector<float> output(predictor.width());
  std::vector<double> times;
  for (int i = 0; i < kWarmUps + kTimed; ++i) {
    const int64_t start_ns = clock->MonotonicNs();
    MR_RETURN_IF_ERROR(predictor.Predict(window, output));
    if (i >= kWarmUps) times.push_back(static_cast<double>(clock->MonotonicNs() - start_ns));
    if (!std::ranges::all_of(output, [](float x) { return std::isfinite(x); })) {
      return absl::FailedPreconditionError("it gives values that are not finite");
    }
  }
  std::ranges::nth_element(times, times.begin() + kTimed / 2);
  return times[kTimed / 2];
}

}  // namespace

absl::StatusOr<Installation> Install(ModelPackage package, const PredictorFactory& factory,
                                     const Serving* serving, const InstallLimits& limits,
                                     LiveClock* clock) {
  const std::string what =
      absl::StrCat("model '", package.manifest.name(), "' version ", package.manifest.version());
  Installation installation;
  installation.model = std::make_shared<InstalledModel>();
  MR_ASSIGN_OR_RETURN(installation.model->predictor, factory(package));
  MR_RETURN_IF_ERROR(
      Annotate(CheckTestVectors(package.manifest, *installation.model->predictor), what));
  const InputPlan& input = package.plan.input;
  std::vector<float> noise(input.window * static_cast<int64_t>(input.channels.size()));
  Random random(1);
  for (float& x : noise) x = static_cast<float>(4 * random.Uniform() - 2);
  const absl::StatusOr<double> window_ns =
      TimeOfAWindow(*installation.model->predictor, noise, clock);
  if (!window_ns.ok()) return Annotate(window_ns.status(), what);
  installation.window_ns = *window_ns;
  if (serving != nullptr && *window_ns > std::max(kLeastNs, limits.slower * serving->window_ns)) {
    return absl::FailedPreconditionError(absl::StrCat(
        what, ": a window takes ", std::lround(*window_ns / 1000), " us, that of version ",
        serving->version, " ", std::lround(serving->window_ns / 1000), " us"));
  }
  installation.model->digest = Sha256Of({reinterpret_cast<const char*>(package.parameters.data()),
                                         package.parameters.size() * sizeof(float)});
  installation.model->package = std::move(package);
  return installation;
}

}  // namespace millrace
