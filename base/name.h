// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// INVALID_ARGUMENT unless `name` is 1 to 64 letters, digits, '-', '_' or '.', and neither "." nor
/// "..": names of sites, runs and federations become parts of paths and URIs. `what` says what is
/// named ("site"); it stands in the message.
absl::Status CheckName(absl::string_view what, absl::string_view name);

}  // namespace millrace
