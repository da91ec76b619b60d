// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "millrace/v1/admin.pb.h"

namespace millrace {

/// What `millrace` tells a script. Part of the command line's contract: numbers are never reused.
enum class ExitCode {
  kOk = 0,
  kUsage = 1,
  kRefused = 2,      // by the plan, the configuration or the input; also what else went wrong
  kUnreachable = 3,  // the coordinator
  kNotFound = 4,     // a run, a version, a file
  kRunFailed = 5,
  kRunStopped = 6,
  kPermission = 7,
};

/// The table above, for the help texts.
extern const char kExitCodesHelp[];

ExitCode ExitCodeOf(const absl::Status& status);
/// Of a run that was watched to its end.
ExitCode ExitCodeOf(v1::RunPhase phase);

}  // namespace millrace
