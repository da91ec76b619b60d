// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "client/drift/drift_monitor.h"
#include "client/inference/machine_config.h"
#include "client/inference/recorded_rows.h"
#include "plan/plan.h"

namespace millrace {

/// What the channels of a machine of `kind`, which is watched for drift, were like in each of the
/// plan's operating modes, from rows that were neither flagged nor taken in an alarm: a monitor for
/// each channel, in the kind's order. Those of which too little is recorded have learnt nothing.
/// Empty where all of them are, or once `enough`, which is asked every few milliseconds, says so.
std::vector<DriftMonitor> DriftFromRecordings(const RecordedRows& rows, const MachineConfig& kind,
                                              const Plan& plan,
                                              const std::function<bool()>& enough);

}  // namespace millrace
