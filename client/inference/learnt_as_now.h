// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "client/inference/machine_config.h"
#include "client/inference/scoring_worker.h"

namespace millrace {

/// What of `learnt` still means the same: nothing of machines that had another rate then, no
/// threshold where a column of the model was in another unit, and no drift of channels that were,
/// nor of their machine's score. It is learnt anew, as it would be for another model.
LearntOfMachines LearntAsNow(LearntOfMachines learnt, const std::vector<MachineConfig>& machines);

}  // namespace millrace
