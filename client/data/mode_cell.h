// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "plan/plan.h"

namespace millrace {

/// The operating-mode cell of a row: along each dimension of the plan's grid the nearest cell to
/// the value, values beyond the ends counting to the outermost ones; the last dimension runs
/// fastest. `values` are finite, one per mode column; 0 without modes.
int32_t ModeCell(std::span<const ModeColumn> modes, std::span<const double> values);

}  // namespace millrace
