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

/// What a model throws is its own fault, and the next try would be like this one.
absl::Status AsItsFault(const absl::Status& status) {
  return absl::IsInternal(status) ? absl::FailedPreconditionError(status.message()) : status;
}

std::vector<float> WindowOfNoise(const InputPlan& input) {
  std::vector<float> window(input.window * static_cast<int64_t>(input.channels.size()));
  Random random(1);
  for (float& x : window) x = static_cast<float>(4 * random.Uniform() - 2);
  return window;
}

/// Another of a package whose first has shown what it does.
absl::StatusOr<std::unique_ptr<Predictor>> WarmPredictor(const ModelPackage& package,
                                                         const PredictorFactory& factory) {
  MR_ASSIGN_OR_RETURN(std::unique_ptr<Predictor> predictor, factory(package));
  const std::vector<float> window = WindowOfNoise(package.plan.input);
  std::vector<float> output(predictor->width());
  for (int i = 0; i < kWarmUps; ++i) MR_RETURN_IF_ERROR(predictor->Predict(window, output));
  return predictor;
}

/// Median time of one window.
absl::StatusOr<double> TimeOfAWindow(Predictor& predictor, const InputPlan& input,
                                     LiveClock* clock) {
  const std::vector<float> window = WindowOfNoise(input);
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

/// That of the model that serves, which may have been measured while nothing else ran.
double TimeOfFormer(const Serving& serving, const PredictorFactory& factory, LiveClock* clock) {
  if (serving.package == nullptr) return serving.window_ns;
  const absl::StatusOr<std::unique_ptr<Predictor>> predictor = factory(*serving.package);
  if (!predictor.ok()) return serving.window_ns;
  const absl::StatusOr<double> now_ns =
      TimeOfAWindow(**predictor, serving.package->plan.input, clock);
  return std::max(serving.window_ns, now_ns.value_or(0));
}

}  // namespace

double TooSlowNs(double window_ns, const InstallLimits& limits) {
  return std::max(kLeastNs, limits.slower * window_ns);
}

absl::StatusOr<Installation> Install(ModelPackage package, const PredictorFactory& factory,
                                     size_t predictors, const Serving* serving,
                                     const InstallLimits& limits, LiveClock* clock) {
  const std::string what =
      absl::StrCat("model '", package.manifest.name(), "' version ", package.manifest.version());
  Installation installation;
  installation.model = std::make_shared<InstalledModel>();
  absl::StatusOr<std::unique_ptr<Predictor>> predictor = factory(package);
  if (!predictor.ok()) return Annotate(AsItsFault(predictor.status()), what);
  Predictor& first = **predictor;
  installation.model->predictors.push_back(*std::move(predictor));
  MR_RETURN_IF_ERROR(Annotate(AsItsFault(CheckTestVectors(package.manifest, first)), what));
  const absl::StatusOr<double> window_ns = TimeOfAWindow(first, package.plan.input, clock);
  if (!window_ns.ok()) return Annotate(AsItsFault(window_ns.status()), what);
  installation.window_ns = *window_ns;
  if (serving != nullptr && *window_ns > TooSlowNs(serving->window_ns, limits)) {
    const double former_ns = TimeOfFormer(*serving, factory, clock);
    if (*window_ns > TooSlowNs(former_ns, limits)) {
      return absl::FailedPreconditionError(absl::StrCat(
          what, ": a window takes ", std::lround(*window_ns / 1000), " us, that of version ",
          serving->version, " ", std::lround(former_ns / 1000), " us"));
    }
  }
  while (installation.model->predictors.size() < predictors) {
    absl::StatusOr<std::unique_ptr<Predictor>> another = WarmPredictor(package, factory);
    if (!another.ok()) return Annotate(AsItsFault(another.status()), what);
    installation.model->predictors.push_back(*std::move(another));
  }
  installation.model->digest = Sha256Of({reinterpret_cast<const char*>(package.parameters.data()),
                                         package.parameters.size() * sizeof(float)});
  installation.model->package = std::move(package);
  return installation;
}

}  // namespace millrace
