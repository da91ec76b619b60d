// SPDX-License-Identifier: Apache-2.0
// How runs are called: <name>-<number>-<tag>, "presses-7-kdrthq". The number counts a coordinator's
// runs of one name. The tag is random: a coordinator that goes on from a backup gives numbers again
// that sites may know already, of runs that began after it was taken.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "coordinator/round/types.h"

namespace millrace {

/// Without its end where there is no tag: of runs that began before tags were given, and of a
/// simulation.
std::string MakeRunId(absl::string_view name, int64_t number, absl::string_view tag);

/// Six letters, 24 random bits. No vowels: no words. Digits neither, so that no tag is taken for
/// the number of another run.
std::string RandomRunTag();

/// Which of the runs of its name it is; 0 if its id is none that MakeRunId gives.
int64_t RunNumber(const RunState& run);

/// True if an operator means this run: by its whole id, or without the tag, which is unambiguous
/// within one coordinator.
bool IsCalled(const RunState& run, absl::string_view given);

}  // namespace millrace
