// SPDX-License-Identifier: Apache-2.0
// What `millrace-client drift list` prints.
#pragma once

#include <string>
#include <vector>

#include "client/drift_board.h"
#include "client/inference/relearn_order.h"

namespace millrace {

/// What drifts, what learns anew, and the orders that wait for the daemon: tables, or a JSON
/// object.
std::string DriftList(const DriftingChannels& drifting, const std::vector<RelearnOrder>& orders,
                      bool json);

}  // namespace millrace
