// SPDX-License-Identifier: Apache-2.0
#include "client/inference/recorded_threshold.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "base/random.h"
#include "client/data/stored_series.h"
#include "client/inference/machine_memory.h"
#include "client/inference/scoring.h"

namespace millrace {
namespace {

constexpr int64_t kWindowsAtATime = 64;

/// The model's plan, of rows as the machine has them now: those of before its rate or the unit of
/// one of the plan's columns was changed tell nothing of what comes.
Plan PlanOfNow(const Plan& plan, const MachineConfig& kind) {
  Plan now = plan;
  now.input.rate_hz = kind.rate_hz;
  const auto take = [&](const std::string& column, std::string& unit) {
    const auto channel = std::ranges::find(kind.channels, column, &ChannelConfig::name);
    if (channel != kind.channels.end() && !channel->unit.empty()) unit = channel->unit;
  };
  now.input.units.resize(now.input.channels.size());
  for (size_t i = 0; i < now.input.channels.size(); ++i) {
    take(now.input.channels[i], now.input.units[i]);
  }
  for (ModeColumn& mode : now.input.modes) take(mode.column, mode.unit);
  return now;
}

/// Series without gaps, and when each of their steps was.
struct TimedSeries {
  std::vector<Series> series;
  std::vector<int64_t> times_ns;  // of all series, one behind the other
};

TimedSeries SeriesAfter(const RecordedRows& rows, int64_t after_ns, const std::string& machine,
                        const Plan& plan, const MachineConfig& kind) {
  const Plan now = PlanOfNow(plan, kind);
  StoredSeries series(now);
  TimedSeries timed;
  rows([&](const StoredRows& block) {
    const auto uses = [&](const StoredSeries::Row& row) {  // asked of sound rows alone
      if (row.alarm || row.time_ns <= after_ns) return false;
      timed.times_ns.push_back(row.time_ns);
      return true;
    };
    // Rows without a channel of the plan are none of its windows.
    series.Add(machine, block, uses).status().IgnoreError();
  });
  timed.series = series.Take();
  // Where a unit was changed, the series of before are gone, and their times go too.
  int64_t steps = 0;
  for (const Series& one : timed.series) steps += one.steps;
  timed.times_ns.erase(timed.times_ns.begin(), timed.times_ns.end() - steps);
  return timed;
}

/// A window of rows: where it begins, and when it ends.
struct Place {
  const Series* series = nullptr;
  int64_t step = 0;
  int64_t end_ns = 0;
};

std::vector<Place> NewestWindows(const TimedSeries& timed, int64_t window, int64_t hop,
                                 int64_t most) {
  std::vector<Place> places;
  int64_t before = 0;  // steps of the series before
  for (const Series& series : timed.series) {
    for (int64_t step = 0; step + window <= series.steps; step += hop) {
      places.push_back({&series, step, timed.times_ns[before + step + window - 1]});
    }
    before += series.steps;
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

RecordedThreshold::RecordedThreshold(const MachineConfig* kind, const std::string& machine,
                                     int64_t after_ns)
    : kind_(kind),
      machine_(machine),
      threshold_(kind->learning, Random(1).Fork(machine).Next()),
      learnt_ns_(after_ns) {}

bool RecordedThreshold::Learn(const RecordedRows& rows, const ModelPackage& package,
                              Predictor* predictor, const std::function<bool()>& enough) {
  input_ = package.plan.input;
  const int64_t window = input_.window;
  const int64_t hop = kind_->hop > 0 ? kind_->hop : window;
  const int64_t period_ns = std::llround(1e9 / kind_->rate_hz);
  const TimedSeries timed = SeriesAfter(rows, learnt_ns_, machine_, package.plan, *kind_);
  const std::vector<Place> places =
      NewestWindows(timed, window, hop, kind_->learning.learn_windows);
  std::span<const Place> left = places;
  bool ends = false;
  while (!left.empty() && !ends) {
    const auto now = left.first(std::min(left.size(), static_cast<size_t>(kWindowsAtATime)));
    const auto scores = ScoresOf(now, package, predictor);
    if (!scores) return true;  // nor will it the next time
    for (const float score : *scores) threshold_.Observe(score);
    // The next window may share rows with this one.
    learnt_ns_ = now.back().end_ns - std::max<int64_t>(window - hop, 0) * period_ns;
    left = left.subspan(now.size());
    ends = enough();
  }
  threshold_.Adapt(absl::ZeroDuration());
  return left.empty();
}

std::string RecordedThreshold::Serialize() const {
  return SaveThreshold(threshold_, *kind_, input_);
}

}  // namespace millrace
