// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/store/store.h"

namespace millrace {

/// Opens or makes the database at `path` (":memory:" for one that ends with the process): WAL,
/// synchronous=FULL. DATA_LOSS if the file is no store of ours or of a newer version.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path);

/// Copies the database at `from`, as it is at one moment, to the new file `to`, durable on return.
/// Whoever has it open goes on reading and writing. NOT_FOUND names `from` if it is not there.
absl::Status CopySqliteStore(const std::string& from, const std::string& to);

}  // namespace millrace
