// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/capture/capture_config.h"
#include "client/inference/machine_config.h"
#include "client/live/source_config.h"
#include "client/output/output_config.h"
#include "client/release/release_policy.h"
#include "client/store/store_config.h"
#include "plan/toml_reader.h"

namespace millrace {

/// [serving]: what serving is to be spared from training.
struct ServingConfig {
  double budget_p99_ms = 10;  // from a window's newest sample to its verdict; 0: not watched
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
  std::optional<StoreConfig> store;      // of what the machines do; none: nothing is recorded
  std::optional<CaptureConfig> capture;  // none: nothing is captured
  ReleasePolicy release;                 // of the models that judge them
};

/// Reads them. Relative paths start at `folder`. What is wrong is reported by the document's
/// Finish, naming the key.
LiveConfig ReadLiveConfig(TomlTable root, const std::string& folder);

}  // namespace millrace
