// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "client/inference/machine_verdict.h"
#include "client/output/verdict_board.h"

namespace millrace {

/// One line, as docs/inference.md lists its members. What is not there (a score that is no number,
/// a threshold that is still unknown) is left out.
std::string VerdictJson(const MachineVerdict& verdict);

/// The same for a channel's drift.
std::string DriftJson(const ChannelDrift& drift);

/// A machine's last verdict with what the board knows of it: its age, whether the machine is alive,
/// and the last alarm, if that is an earlier one. The machine has a verdict.
std::string StatusJson(const MachineStatus& status);

/// What a PLC counts: {"machine": "pump-1", "heartbeat": 17, "alive": true}.
std::string HeartbeatJson(const MachineStatus& status);
/// The same of the site, with the machines that are not alive by name.
std::string HeartbeatJson(const SiteStatus& site);

/// "not_evaluated", "normal", "alarm".
absl::string_view NameOf(Judgement judgement);

}  // namespace millrace
