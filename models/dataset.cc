// SPDX-License-Identifier: Apache-2.0
#include "models/dataset.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "models/deviation.h"

namespace millrace {
namespace {

Dataset EmptyDataset(const Plan& plan) {
  Dataset data;
  data.channels = static_cast<int64_t>(plan.input.channels.size());
  data.window = plan.input.window;
  data.normalize_window = plan.input.normalization == Normalization::kWindow;
  return data;
}

void CheckShape(const Dataset& data, const Series& series) {
  const auto steps = static_cast<size_t>(series.steps);
  MR_CHECK(series.values.size() == steps * static_cast<size_t>(data.channels));
  MR_CHECK(series.cells.empty() || series.cells.size() == steps);
  MR_CHECK(series.labels.empty() || series.labels.size() == steps);
}

/// Appends the window of series `index` that ends at `end`, unless the task wants a label there
/// and the series has none.
void AddExample(const Plan& plan, int32_t index, int64_t end, Dataset& data) {
  Example example{index, static_cast<int32_t>(end), 0};
  if (plan.label.kind != LabelKind::kNone) {
    const std::vector<float>& labels = data.series[index].labels;
    MR_CHECK(!labels.empty());
    example.target = labels[end];
    if (std::isnan(example.target)) return;
  }
  data.examples.push_back(example);
}

void AddFullWindows(const Plan& plan, Dataset& data) {
  for (size_t i = 0; i < data.series.size(); ++i) {
    CheckShape(data, data.series[i]);
    for (int64_t end = data.window - 1; end < data.series[i].steps; end += plan.input.stride) {
      AddExample(plan, static_cast<int32_t>(i), end, data);
    }
  }
}

/// Names of the units held back: round(share * units) of them, at least one where the share is
/// positive and one can be spared, never all.
std::set<std::string> HeldBackUnits(double share, const std::vector<Series>& series,
                                    uint64_t seed) {
  std::set<std::string> distinct;
  for (const Series& s : series) distinct.insert(s.unit);
  if (share <= 0 || distinct.size() < 2) return {};
  // Shuffled in the order of their names, so that the order of the files makes no difference.
  std::vector<std::string> units(distinct.begin(), distinct.end());
  Random(seed).Fork("split").Shuffle(std::span(units));
  const auto wanted = static_cast<size_t>(std::llround(share * static_cast<double>(units.size())));
  units.resize(std::clamp<size_t>(wanted, 1, units.size() - 1));
  return {units.begin(), units.end()};
}

/// Rows [begin, end) of `series`.
Series Rows(const Series& series, int64_t channels, int64_t begin, int64_t end) {
  Series part;
  part.unit = series.unit;
  part.steps = end - begin;
  part.values.assign(series.values.begin() + begin * channels,
                     series.values.begin() + end * channels);
  if (!series.cells.empty()) {
    part.cells.assign(series.cells.begin() + begin, series.cells.begin() + end);
  }
  if (!series.labels.empty()) {
    part.labels.assign(series.labels.begin() + begin, series.labels.begin() + end);
  }
  return part;
}

}  // namespace

void NormalizeWindow(std::span<float> window, int64_t channels) {
  const auto rows = static_cast<int64_t>(window.size()) / channels;
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r) sum += window[r * channels + c];
    const double mean = sum / static_cast<double>(rows);
    double squares = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const double centred = window[r * channels + c] - mean;
      squares += centred * centred;
    }
    const double deviation = UsableDeviation(squares / static_cast<double>(rows), mean);
    for (int64_t r = 0; r < rows; ++r) {
      float& value = window[r * channels + c];
      value = static_cast<float>((value - mean) / deviation);
    }
  }
}

void Dataset::Gather(std::span<const int64_t> indices, std::span<float> inputs,
                     std::span<float> targets) const {
  const int64_t example_size = window * channels;
  MR_CHECK(inputs.size() == indices.size() * static_cast<size_t>(example_size));
  MR_CHECK(targets.size() == indices.size());
  float* out = inputs.data();
  for (size_t i = 0; i < indices.size(); ++i, out += example_size) {
    const Example& example = examples[indices[i]];
    const float* rows = series[example.series].values.data();
    const int64_t missing = std::max<int64_t>(0, window - 1 - example.end);
    const int64_t first = example.end + 1 - (window - missing);
    float* next = out;
    for (int64_t r = 0; r < missing; ++r) next = std::copy_n(rows, channels, next);
    std::copy_n(rows + first * channels, (window - missing) * channels, next);
    if (normalize_window) {
      NormalizeWindow(std::span(out, static_cast<size_t>(example_size)), channels);
    }
    targets[i] = example.target;
  }
}

DatasetSplit SplitSeries(const Plan& plan, std::vector<Series> series, uint64_t seed) {
  DatasetSplit split{.training = EmptyDataset(plan), .validation = EmptyDataset(plan)};
  if (plan.split.by == SplitBy::kUnit) {
    const std::set<std::string> held_back = HeldBackUnits(plan.split.validation, series, seed);
    for (Series& s : series) {
      Dataset& part = held_back.contains(s.unit) ? split.validation : split.training;
      part.series.push_back(std::move(s));
    }
  } else {
    for (Series& s : series) {
      CheckShape(split.training, s);
      const int64_t held_back = std::llround(plan.split.validation * static_cast<double>(s.steps));
      const int64_t border = s.steps - held_back;
      const int64_t channels = split.training.channels;
      if (held_back > 0) split.validation.series.push_back(Rows(s, channels, border, s.steps));
      split.training.series.push_back(held_back > 0 ? Rows(s, channels, 0, border) : std::move(s));
    }
  }
  AddFullWindows(plan, split.training);
  AddFullWindows(plan, split.validation);
  return split;
}

Dataset LastWindows(const Plan& plan, std::vector<Series> series) {
  Dataset data = EmptyDataset(plan);
  data.series = std::move(series);
  for (size_t i = 0; i < data.series.size(); ++i) {
    CheckShape(data, data.series[i]);
    if (data.series[i].steps == 0) continue;
    AddExample(plan, static_cast<int32_t>(i), data.series[i].steps - 1, data);
  }
  return data;
}

Dataset AllWindows(const Plan& plan, std::vector<Series> series) {
  Dataset data = EmptyDataset(plan);
  data.series = std::move(series);
  AddFullWindows(plan, data);
  return data;
}

}  // namespace millrace
