// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/exit_code.h"

namespace millrace {

const char kExitCodesHelp[] =
    "Exit codes: 0 ok; 1 usage; 2 refused: plan, configuration or input; 3 the coordinator\n"
    "cannot be reached; 4 not found; 5 the run failed; 6 the run was stopped; 7 no permission";

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:  // how a coordinator that goes down ends its calls
      return ExitCode::kUnreachable;
    case absl::StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return ExitCode::kPermission;
    default:
      return ExitCode::kRefused;
  }
}

ExitCode ExitCodeOf(v1::RunPhase phase) {
  switch (phase) {
    case v1::RUN_PHASE_FAILED:
      return ExitCode::kRunFailed;
    case v1::RUN_PHASE_STOPPED:
      return ExitCode::kRunStopped;
    default:
      return ExitCode::kOk;
  }
}

}  // namespace millrace
