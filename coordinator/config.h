// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/rpc/call_limiter.h"
#include "models/catalogue/architecture.h"

namespace millrace {

/// The coordinator's TOML file. Relative paths are meant from the file's folder.
struct CoordinatorConfig {
  // [server]
  std::string listen = "0.0.0.0:9443";  // host:port; port 0 picks a free one
  std::string certificate;              // PEM files
  std::string key;
  std::string authority;
  // [storage]
  std::string folder;            // store, blobs and staged updates
  int64_t min_free_mb = 256;     // MiB; with less free space nothing new is taken
  int64_t staging_mb = 0;        // MiB of updates of open rounds; 0: no bound but min_free_mb
  int64_t keep_versions = 10;    // of each run, and its best; 0: all
  int64_t keep_runs = 1000;      // that have ended; 0: all
  int64_t quarantine_mb = 1024;  // MiB of damaged blobs that are kept
  // [limits]
  int64_t max_parameters = kMaxParameters;  // of a run's model
  CallLimits calls;
  int64_t buffers_mb = 1024;  // of memory for messages on their way, MiB
  // [sites]
  std::vector<std::string> allowed;  // empty: every site that the authority certified
  // [metrics]
  std::string metrics_listen;  // host:port; empty: off
  // [log]
  std::string log_level = "info";
  bool log_json = true;
  // The command line's.
  bool check = false;  // every blob's digest at the start
};

/// INVALID_ARGUMENT names key and reason. `folder` is the config file's.
absl::StatusOr<CoordinatorConfig> ParseCoordinatorConfig(absl::string_view toml,
                                                         const std::string& folder);

}  // namespace millrace
