// SPDX-License-Identifier: Apache-2.0
#include "client/release/installer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/release/window_times.h"
#include "models/test_vectors.h"

namespace millrace {
namespace {

/// What a model throws is its own fault, and the next try would be like this one.
absl::Status AsItsFault(const absl::Status& status) {
  return absl::IsInternal(status) ? absl::FailedPreconditionError(status.message()) : status;
}

/// Another of a package whose first has shown what it does.
absl::StatusOr<std::unique_ptr<Predictor>> WarmPredictor(const ModelPackage& package,
                                                         const PredictorFactory& factory,
                                                         const InstallLimits& limits,
                                                         LiveClock* clock) {
  MR_ASSIGN_OR_RETURN(std::unique_ptr<Predictor> predictor, factory(package));
  MR_RETURN_IF_ERROR(WarmUp(*predictor, package.plan.input, limits, clock));
  return predictor;
}

/// That of the model that serves, which may have been measured while nothing else ran.
double TimeOfFormer(const Serving& serving, const PredictorFactory& factory,
                    const InstallLimits& limits, LiveClock* clock) {
  if (serving.package == nullptr) return serving.window_ns;
  const absl::StatusOr<std::unique_ptr<Predictor>> predictor = factory(*serving.package);
  if (!predictor.ok()) return serving.window_ns;
  InstallLimits of_one;
  of_one.halted = limits.halted;
  const absl::StatusOr<WindowTimes> now =
      MeasureTimes(**predictor, serving.package->plan.input, of_one, clock);
  return now.ok() ? std::max(serving.window_ns, now->one_ns) : serving.window_ns;
}

/// Measures `predictor`. Where it is too slow, once more: it may be the machine that was, or that
/// was not when the one before was measured.
absl::StatusOr<WindowTimes> CheckedTimes(Predictor& predictor, const InputPlan& input,
                                         const PredictorFactory& factory, const Serving* serving,
                                         const InstallLimits& limits, LiveClock* clock) {
  MR_ASSIGN_OR_RETURN(WindowTimes times, MeasureTimes(predictor, input, limits, clock));
  FormerModel former;
  if (serving != nullptr) former = {serving->version, serving->window_ns};
  if (CheckTimes(times, limits, former).ok()) return times;
  MR_ASSIGN_OR_RETURN(const WindowTimes again, MeasureTimes(predictor, input, limits, clock));
  times = {std::min(times.one_ns, again.one_ns), std::min(times.batch_ns, again.batch_ns)};
  if (serving != nullptr) former.one_ns = TimeOfFormer(*serving, factory, limits, clock);
  if (limits.halted()) return absl::CancelledError("the daemon stops");  // before it was measured
  MR_RETURN_IF_ERROR(CheckTimes(times, limits, former));
  return times;
}

}  // namespace

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
  const absl::StatusOr<WindowTimes> times =
      CheckedTimes(first, package.plan.input, factory, serving, limits, clock);
  if (!times.ok()) return Annotate(AsItsFault(times.status()), what);
  installation.window_ns = times->one_ns;
  while (installation.model->predictors.size() < predictors) {
    absl::StatusOr<std::unique_ptr<Predictor>> another =
        WarmPredictor(package, factory, limits, clock);
    if (!another.ok()) return Annotate(AsItsFault(another.status()), what);
    installation.model->predictors.push_back(*std::move(another));
  }
  installation.model->digest = Sha256Of({reinterpret_cast<const char*>(package.parameters.data()),
                                         package.parameters.size() * sizeof(float)});
  installation.model->package = std::move(package);
  return installation;
}

}  // namespace millrace
