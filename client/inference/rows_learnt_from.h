// SPDX-License-Identifier: Apache-2.0
// What a machine's rows were like when something was learnt from them: once its rate or a unit is
// corrected, what was learnt before means nothing any more.
#pragma once

#include <string>
#include <vector>

#include "client/inference/machine_config.h"
#include "millrace/internal/rows_learnt_from.pb.h"

namespace millrace {

/// Of machines of `kind` as they are now.
internal::RowsLearntFrom RowsNow(const MachineConfig& kind);

/// Whether they came at another rate, as far as that is known.
bool HaveOtherRate(const internal::RowsLearntFrom& rows, const MachineConfig& kind);

/// Columns that are in another unit now, as far as both are said.
std::vector<std::string> ColumnsOfOtherUnit(const internal::RowsLearntFrom& rows,
                                            const MachineConfig& kind);

}  // namespace millrace
