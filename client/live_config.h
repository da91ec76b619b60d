// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/capture/capture_config.h"
#include "client/inference/machine_config.h"
#include "client/live/source_config.h"
#include "client/output/output_config.h"
#include "client/release/release_policy.h"
#include "client/release/time_limits.h"
#include "client/store/store_config.h"
#include "plan/toml_reader.h"

namespace millrace {

/// [serving]: who judges, and what serving is to be spared from training.
struct ServingConfig {
  static constexpr int64_t kMostWorkers = 64;

  /// Threads that judge, on a machine with so many processors: all but one, which is for training,
  /// sources and outputs, unless the file says how many.
  int64_t WorkersOn(int64_t processors) const {
    return workers > 0 ? workers : std::clamp<int64_t>(processors - 1, 1, kMostWorkers);
  }

  double budget_p99_ms = 10;  // from a window's newest sample to its verdict; 0: not watched
  int64_t workers = 0;        // threads that judge; 0: as many as there are processors for
};

/// [live], [[source]], [[machine]], [drift], [release], [store] and [capture]: what a site's daemon
/// watches beside the machines. Without a machine it only trains.
struct LiveConfig {
  std::string http;                   // host:port of verdicts and metrics; empty: none
  int64_t queue_samples = 1'000'000;  // that may wait for the scoring
  std::vector<SourceConfig> sources;
  std::vector<MachineConfig> machines;
  HeartbeatConfig heartbeat;
  std::vector<OutputConfig> outputs;
  ServingConfig serving;
  std::optional<StoreConfig> store;  // of what the machines do; none: nothing is recorded
  int64_t trained_days = 0;          // of what is recorded, that train, before the newest; 0: all
  std::optional<CaptureConfig> capture;  // none: nothing is captured
  ReleasePolicy release;                 // of the models that judge them
};

/// What they ask of the time that a model takes, on a machine with so many processors.
ServingDemands DemandsOf(const LiveConfig& config, int64_t processors);

/// Reads them. Relative paths start at `folder`. What is wrong is reported by the document's
/// Finish, naming the key.
LiveConfig ReadLiveConfig(TomlTable root, const std::string& folder);

}  // namespace millrace
