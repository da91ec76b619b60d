// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/blob/upload_area.h"
#include "coordinator/store/store.h"

namespace millrace {

struct StartCheckOptions {
  int64_t keep_versions = 0;  // as in retention.h
  bool whole = false;         // read every blob, not only what running runs need to go on
  absl::Time now;
  // Of damaged blobs that are kept; beyond it for those that this start has found.
  int64_t quarantine_bytes = int64_t{1} << 30;
};

struct StartReport {
  int64_t runs = 0;
  int64_t blobs = 0;
  int64_t verified = 0;     // blobs whose digest was computed; of the others the length
  int64_t removed = 0;      // blobs
  int64_t quarantined = 0;  // blobs
  int64_t dropped = 0;      // damaged blobs, for good
  int64_t discarded = 0;    // tries of rounds
  int64_t failed = 0;       // runs
  int64_t losses = 0;       // of versions and updates
};

/// Compares the folder with what the store's runs refer to, before an engine takes them up: removes
/// what nothing refers to, sets damaged blobs aside, ends the runs that cannot go on, and logs each
/// of these and a summary. DATA_LOSS, with the way out, for a store that cannot be read.
absl::StatusOr<StartReport> CheckAtStart(Store* store, BlobStore* blobs, UploadArea* uploads,
                                         const StartCheckOptions& options);

}  // namespace millrace
