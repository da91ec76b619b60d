// SPDX-License-Identifier: Apache-2.0
// What a site's configuration, and the model that serves, leave a new one of time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/inference/machine_config.h"
#include "client/live/live_clock.h"
#include "models/package.h"

namespace millrace {

/// What a site's configuration says that bears on the time of its models.
struct ServingDemands {
  std::vector<MachineConfig> machines;
  double budget_p99_ms = 0;  // [serving]; 0: none
  double fresh_s = 0;        // [heartbeat]; 0: nobody asks
  int64_t workers = 1;       // threads that the machines are dealt out to
};

/// What a model takes.
struct WindowTimes {
  double one_ns = 0;    // a window by itself
  double batch_ns = 0;  // as many as are scored together at its site
};

/// What is asked of the time that a model takes before it serves.
struct InstallLimits {
  /// A window by itself may take so many times that of the model which serves now.
  double slower = 3;
  int64_t batch = 1;    // windows that are scored together at the site, at most
  double batch_ns = 0;  // that they may take: none of their verdicts comes earlier; 0: no bound
  double due_ns = 0;    // between two windows that come due on one thread, at least; 0: no bound
  // That measuring may take, of one window and of `batch` each; a slow model takes a few windows
  // more.
  int64_t measure_ns = 3 * kNsPerS;
  // Asked between two calls of the model: whether to end, since nobody waits for it any more.
  std::function<bool()> halted = [] { return false; };
};

/// The model that serves now, or served last.
struct FormerModel {
  int64_t version = 0;
  double one_ns = 0;  // 0: there is none
};

/// Those of the model of `package`, on the thread that has the most of its machines as they are
/// dealt out (DealMachines).
InstallLimits InstallLimitsOf(const ServingDemands& demands, const ModelPackage& package);

/// A window that takes longer is too slow where those of the model before take `one_ns`.
double TooSlowNs(double one_ns, const InstallLimits& limits);

/// FAILED_PRECONDITION, with what it takes beside every bound and the way out, if it is too slow.
absl::Status CheckTimes(const WindowTimes& times, const InstallLimits& limits,
                        const FormerModel& former);

/// FAILED_PRECONDITION, with both numbers and the way out, if the model's verdicts on a machine lie
/// further apart than a verdict counts as fresh: its heart would stop between any two.
absl::Status CheckFreshness(const ServingDemands& demands, const ModelPackage& package);

}  // namespace millrace
