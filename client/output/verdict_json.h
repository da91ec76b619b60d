// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "client/inference/machine_verdict.h"

namespace millrace {

/// One line, as docs/inference.md lists its members. What is not there (a score that is no number,
/// a threshold that is still unknown) is left out.
std::string VerdictJson(const MachineVerdict& verdict);

/// The same for a channel's drift.
std::string DriftJson(const ChannelDrift& drift);

/// "not_evaluated", "normal", "alarm".
absl::string_view NameOf(Judgement judgement);

}  // namespace millrace
