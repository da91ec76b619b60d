// SPDX-License-Identifier: Apache-2.0
#include "client/inference/recorded_threshold.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "absl/time/clock.h"
#include "base/random.h"
#include "client/data/stored_series.h"
#include "client/inference/scoring.h"

namespace millrace {
namespace {

constexpr int64_t kMostRecordedBytes = int64_t{16} << 20;  // on the disk, of one machine
constexpr int64_t kWindowsAtATime = 64;

/// The machine's newest rows as series without gaps.
std::vector<Series> NewestSeries(const StoreReader& store, const std::string& machine,
                                 const Plan& plan, int64_t period_ns) {
  StoredSeries series(plan);
  const int64_t end_ns = store.end_ns(absl::GetCurrentTimeNanos());
  const int64_t from_ns = store.NewestWithin(kMostRecordedBytes, {&machine, 1}, end_ns);
  store.Read(machine, from_ns, end_ns, [&](const StoredRows& rows) {
    if (rows.period_ns != period_ns) return;  // of before the rate was changed
    // Rows without a channel of the plan are none of its windows.
    series.Add(machine, rows, [](const StoredSeries::Row& row) { return !row.alarm; })
        .status()
        .IgnoreError();
  });
  return series.Take();
}

/// A window of rows: where it begins.
struct Place {
  const Series* series = nullptr;
  int64_t step = 0;
};

std::vector<Place> NewestWindows(const std::vector<Series>& all, int64_t window, int64_t hop,
                                 int64_t most) {
  std::vector<Place> places;
  for (const Series& series : all) {
    for (int64_t step = 0; step + window <= series.steps; step += hop) {
      places.push_back({&series, step});
    }
  }
  if (std::ssize(places) > most) places.erase(places.begin(), places.end() - most);
  return places;
}

/// Of the windows that begin there; none if the model fails.
std::optional<std::vector<float>> ScoresOf(std::span<const Place> places,
                                           const ModelPackage& package, Predictor* predictor) {
  const InputPlan& input = package.plan.input;
  const auto channels = static_cast<int64_t>(input.channels.size());
  const auto size = static_cast<size_t>(input.window * channels);
  std::vector<float> inputs;
  for (const Place& place : places) {
    const auto rows =
        std::span(place.series->values).subspan(static_cast<size_t>(place.step * channels), size);
    const size_t begin = inputs.size();
    inputs.insert(inputs.end(), rows.begin(), rows.end());
    const std::span<float> window = std::span(inputs).subspan(begin);
    std::span<const int32_t> cells = place.series->cells;
    if (!cells.empty()) {
      cells = cells.subspan(static_cast<size_t>(place.step), static_cast<size_t>(input.window));
    }
    if (package.scaling) package.scaling->Apply(window, cells);
    if (input.normalization == Normalization::kWindow) NormalizeWindow(window, channels);
  }
  std::vector<float> outputs(places.size() * static_cast<size_t>(predictor->width()));
  if (outputs.size() != inputs.size() || !predictor->Predict(inputs, outputs).ok()) {
    return std::nullopt;
  }
  std::vector<float> scores;
  for (size_t i = 0; i < places.size(); ++i) {
    scores.push_back(static_cast<float>(ReconstructionError(
        std::span(inputs).subspan(i * size, size), std::span(outputs).subspan(i * size, size))));
  }
  return scores;
}

}  // namespace

bool LearnsThreshold(const MachineConfig& kind, const Plan& plan) {
  return plan.task() == Task::kReconstruction && kind.threshold <= 0;
}

std::string ThresholdFromRecordings(const StoreReader& store, const MachineConfig& kind,
                                    const std::string& machine, const ModelPackage& package,
                                    Predictor* predictor, const std::function<bool()>& enough) {
  const Plan& plan = package.plan;
  if (!LearnsThreshold(kind, plan)) return "";
  const int64_t hop = kind.hop > 0 ? kind.hop : plan.input.window;
  const std::vector<Series> series =
      NewestSeries(store, machine, plan, std::llround(1e9 / kind.rate_hz));
  const std::vector<Place> places =
      NewestWindows(series, plan.input.window, hop, kind.learning.learn_windows);
  MachineThreshold threshold(kind.learning, Random(1).Fork(machine).Next());
  std::span<const Place> left = places;
  while (!left.empty()) {
    if (enough()) return "";
    const size_t now = std::min(left.size(), static_cast<size_t>(kWindowsAtATime));
    const auto scores = ScoresOf(left.first(now), package, predictor);
    if (!scores) return "";
    for (const float score : *scores) threshold.Observe(score);
    left = left.subspan(now);
  }
  threshold.Adapt(absl::ZeroDuration());
  return threshold.Serialize();
}

}  // namespace millrace
