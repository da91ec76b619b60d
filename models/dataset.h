// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace millrace {

/// One unit's recording: an engine's life, a vibration record, a day of a machine.
struct Series {
  std::string unit;
  int64_t steps = 0;
  std::vector<float> values;   // [steps, channels], row-major
  std::vector<int32_t> cells;  // [steps], operating-mode cell; empty: all 0
  std::vector<float> labels;   // [steps]; NaN where a window that ends here has no label
};

/// A window: the `window` steps of a series that end at `end` (inclusive). Where the series has
/// fewer before `end`, its first row is repeated in front.
struct Example {
  int32_t series = 0;
  int32_t end = 0;
  float target = 0;  // label at `end`; 0 for reconstruction
};

/// In place: every channel of a window [rows, channels] to mean 0 and deviation 1.
void NormalizeWindow(std::span<float> window, int64_t channels);

/// Windows over series, gathered into batches on demand so that overlap costs no memory.
/// Const methods are thread-safe.
struct Dataset {
  int64_t channels = 0;
  int64_t window = 0;
  bool normalize_window = false;  // each window and channel to mean 0, deviation 1 when gathered
  std::vector<Series> series;
  std::vector<Example> examples;

  int64_t size() const { return static_cast<int64_t>(examples.size()); }

  /// Copies the examples `indices` into inputs [indices.size(), window, channels] and targets
  /// [indices.size()].
  void Gather(std::span<const int64_t> indices, std::span<float> inputs,
              std::span<float> targets) const;
};

/// Training and held-back windows of the same series, cut as the plan's [split] says. A window of
/// one part shares no row with a window of the other.
struct DatasetSplit {
  Dataset training;
  Dataset validation;
};

/// Full windows, from the first, every plan.input.stride steps; a series shorter than the window
/// gives none. Series that name the same unit stay together. Windows without a label are left out,
/// here and below. `seed` chooses the units held back.
DatasetSplit SplitSeries(const Plan& plan, std::vector<Series> series, uint64_t seed);

/// The last window of each series, padded at the front where the series is short: C-MAPSS's test
/// protocol.
Dataset LastWindows(const Plan& plan, std::vector<Series> series);

/// All full windows of all series, every plan.input.stride steps.
Dataset AllWindows(const Plan& plan, std::vector<Series> series);

}  // namespace millrace
