// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "coordinator/cli/connection.h"
#include "coordinator/cli/console.h"
#include "coordinator/cli/exit_code.h"

namespace millrace {

struct WatchOptions {
  bool json =
      false;  // a line of JSON per ended round, one for what holds the run up, one for its end
  /// How long a lost coordinator may stay away before the watch gives up.
  absl::Duration patience = absl::Seconds(60);
};

/// Shows a run until it ends; the exit code says how. A link that breaks once the run has been seen
/// is tried again within the patience; one that never stood fails at once.
absl::StatusOr<ExitCode> WatchRun(const std::string& run, const WatchOptions& options,
                                  Connection* connection, Console* console, Clock* clock);

}  // namespace millrace
