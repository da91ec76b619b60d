// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/file_system.h"

namespace millrace {

/// WriteFileDurably of `parts`, one behind the other, without a copy of all of them.
absl::Status WritePartsDurably(FileSystem* files, const std::string& path,
                               std::span<const absl::string_view> parts);

}  // namespace millrace
