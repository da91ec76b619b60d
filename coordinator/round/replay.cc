// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/replay.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "coordinator/round/update.h"

namespace millrace {

absl::StatusOr<RunState> Replay(const std::string& run_id, std::span<const Event> events) {
  MR_ASSIGN_OR_RETURN(RunState run, StartOf(run_id, events.front()));
  for (size_t i = 1; i < events.size(); ++i) {
    if (const absl::Status status = CanApply(run, events[i]); !status.ok()) {
      return absl::DataLossError(absl::StrCat("store: run ", run_id, " event ", i,
                                              " does not follow: ", status.message()));
    }
    Apply(run, events[i]);
  }
  return run;
}

}  // namespace millrace
