// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "client/inference/time_grid.h"

namespace millrace {

/// What an engine has done so far.
struct EngineCounts {
  int64_t samples = 0;
  int64_t windows = 0;       // scored
  int64_t unusable = 0;      // due, but with data that no model is to judge
  int64_t not_finite = 0;    // scored, and the score is no number
  int64_t model_errors = 0;  // windows that a model failed on
  int64_t alarms = 0;
};

/// The same with what became of samples that are in no row, of all machines together.
struct ScoringTally {
  void Add(const TimeGridCounts& more) {
    rows.late += more.late;
    rows.early += more.early;
    rows.duplicates += more.duplicates;
    rows.restarts += more.restarts;
  }
  void Add(const ScoringTally& more) {
    engine.samples += more.engine.samples;
    engine.windows += more.engine.windows;
    engine.unusable += more.engine.unusable;
    engine.not_finite += more.engine.not_finite;
    engine.model_errors += more.engine.model_errors;
    engine.alarms += more.engine.alarms;
    Add(more.rows);
  }

  EngineCounts engine;
  TimeGridCounts rows;
};

}  // namespace millrace
