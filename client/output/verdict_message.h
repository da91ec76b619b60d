// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "client/inference/machine_verdict.h"
#include "client/output/verdict_board.h"
#include "millrace/v1/live.pb.h"

namespace millrace {

v1::Verdict ToMessage(const MachineVerdict& verdict);
v1::MachineState ToMessage(const MachineStatus& status);

}  // namespace millrace
