// SPDX-License-Identifier: Apache-2.0
// Whether machines give a model what it was trained on.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/inference/machine_config.h"
#include "plan/plan.h"

namespace millrace {

/// INVALID_ARGUMENT, with the machine, the channel, both values and the way out, unless machines of
/// this kind have the channels of `input`, its rate, and its units as far as both say one.
absl::Status CheckInput(const InputPlan& input, const MachineConfig& machine);

/// The columns of `input` with a unit that the site does not say: taken to be right.
std::vector<std::string> ColumnsOfUnsaidUnit(const InputPlan& input, const MachineConfig& machine);

}  // namespace millrace
