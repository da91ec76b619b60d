// SPDX-License-Identifier: Apache-2.0
// What `millrace-client captures` prints.
#pragma once

#include <string>
#include <vector>

#include "client/capture/capture.h"
#include "client/capture/capture_folder.h"

namespace millrace {

/// A table with one line for each, or a JSON array.
std::string CaptureList(const std::vector<CaptureEntry>& entries, bool json);

/// What is known of one, and what its channels did.
std::string CaptureDetails(const CaptureEntry& entry, const Capture& capture, bool json);

}  // namespace millrace
