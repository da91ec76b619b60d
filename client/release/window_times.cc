// SPDX-License-Identifier: Apache-2.0
#include "client/release/window_times.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr int kWarmUps = 20;
constexpr size_t kTimed = 101;
// Of a model that takes long, fewer say enough.
constexpr size_t kFewestTimed = 5;

std::vector<float> NoiseWindows(const InputPlan& input, int64_t windows) {
  std::vector<float> noise(windows * input.window * static_cast<int64_t>(input.channels.size()));
  Random random(1);
  for (float& x : noise) x = static_cast<float>(4 * random.Uniform() - 2);
  return noise;
}

absl::Status CheckWanted(const InstallLimits& limits) {
  return limits.halted() ? absl::CancelledError("the daemon stops") : absl::OkStatus();
}

/// Median time of so many windows at once.
absl::StatusOr<double> TimeOfWindows(Predictor& predictor, const InputPlan& input, int64_t windows,
                                     const InstallLimits& limits, LiveClock* clock) {
  const std::vector<float> noise = NoiseWindows(input, windows);
  std::vector<float> outputs(windows * predictor.width());
  std::vector<double> times;
  const int64_t begin_ns = clock->MonotonicNs();
  for (int i = 0; times.size() < kTimed; ++i) {
    const int64_t start_ns = clock->MonotonicNs();
    const bool takes_long = start_ns - begin_ns > limits.measure_ns;
    if (takes_long && times.size() >= kFewestTimed) break;
    MR_RETURN_IF_ERROR(CheckWanted(limits));
    MR_RETURN_IF_ERROR(predictor.Predict(noise, outputs));
    const auto took_ns = static_cast<double>(clock->MonotonicNs() - start_ns);
    if (i >= kWarmUps || takes_long) times.push_back(took_ns);
    if (!std::ranges::all_of(outputs, [](float x) { return std::isfinite(x); })) {
      return absl::FailedPreconditionError("it gives values that are not finite");
    }
  }
  const auto middle = times.begin() + static_cast<int64_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

}  // namespace

absl::Status WarmUp(Predictor& predictor, const InputPlan& input, const InstallLimits& limits,
                    LiveClock* clock) {
  const std::vector<float> noise = NoiseWindows(input, 1);
  std::vector<float> outputs(predictor.width());
  const int64_t end_ns = clock->MonotonicNs() + limits.measure_ns;
  for (int i = 0; i < kWarmUps; ++i) {
    MR_RETURN_IF_ERROR(CheckWanted(limits));
    MR_RETURN_IF_ERROR(predictor.Predict(noise, outputs));
    if (clock->MonotonicNs() > end_ns) break;
  }
  return absl::OkStatus();
}

absl::StatusOr<WindowTimes> MeasureTimes(Predictor& predictor, const InputPlan& input,
                                         const InstallLimits& limits, LiveClock* clock) {
  const auto time_of = [&](int64_t windows) {
    return TimeOfWindows(predictor, input, windows, limits, clock);
  };
  WindowTimes times;
  MR_ASSIGN_OR_RETURN(times.one_ns, time_of(1));
  times.batch_ns = times.one_ns;
  if (limits.batch > 1) {
    MR_ASSIGN_OR_RETURN(times.batch_ns, time_of(limits.batch));
  }
  return times;
}

}  // namespace millrace
