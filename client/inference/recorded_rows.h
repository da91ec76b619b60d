// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "client/inference/machine_config.h"
#include "client/store/store_reader.h"
#include "client/store/stored_rows.h"

namespace millrace {

/// Rows of one machine, wherever they are kept: calls `visit` with them, block by block, by their
/// time. Those that were taken in an alarm are marked, or missing.
using RecordedRows = std::function<void(const std::function<void(const StoredRows& rows)>& visit)>;

/// The newest that are recorded of the machine, a bounded number of bytes of them, and of so many
/// days before the newest one of all; 0: however old they are. `store` outlives the result.
RecordedRows NewestRecorded(const StoreReader& store, const std::string& machine, int64_t days = 0);

}  // namespace millrace
