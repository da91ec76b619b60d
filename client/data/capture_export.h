// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "client/capture/capture_folder.h"

namespace millrace {

enum class CaptureFormat {
  kCsv,  // one captures.csv: a row per row of each, which [data] kind = "delimited" reads
  kNpy   // an array for each stretch without a gap, listed in manifest.csv, for kind = "npy"
};

/// Writes captures to `folder`, which is made. Labels stand where training would use them: at rows
/// that end a labelled window (csv), for the whole recording (npy). NOT_FOUND names an id. Gives
/// the number of captures.
absl::StatusOr<int64_t> ExportCaptures(const CaptureFolder& captures,
                                       const std::vector<CaptureEntry>& chosen,
                                       CaptureFormat format, FileSystem* files,
                                       const std::string& folder);

}  // namespace millrace
