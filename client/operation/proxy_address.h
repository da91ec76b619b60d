// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// OK for http://[user:password@]host:port. INVALID_ARGUMENT with the form otherwise, without the
/// text: it may hold a password.
absl::Status CheckProxyAddress(absl::string_view text);

}  // namespace millrace
