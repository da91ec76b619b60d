// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "client/inference/machine_config.h"
#include "client/store/store_reader.h"
#include "client/store/stored_rows.h"

namespace millrace {

/// Rows of one machine, wherever they are kept: calls `visit` with them, block by block, by their
/// time. Those that were taken in an alarm are marked, or missing.
using RecordedRows = std::function<void(const std::function<void(const StoredRows& rows)>& visit)>;

/// Values of one machine, of all its channels, that are read of its recordings at most: 128 MiB on
/// the disk.
inline constexpr int64_t kMostRecordedValues = (int64_t{128} << 20) / 5;

/// What is to be read of a machine's recordings.
struct RecordedPart {
  int64_t values = 0;  // that are needed, of all its channels; a few million are read in any case
  int64_t days = 0;    // before the newest row of all machines; 0: however old they are
  int64_t after_ns = std::numeric_limits<int64_t>::min();  // rows up to then are left out
};

/// The newest that are recorded of the machine. `store` outlives the result.
RecordedRows NewestRecorded(const StoreReader& store, const std::string& machine,
                            const RecordedPart& part = {});

}  // namespace millrace
