// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// Whether `name` reads as `pattern`, in which each '*' stands for any text, none included. Takes
/// time of at most the product of the lengths.
bool MatchesWildcard(absl::string_view name, absl::string_view pattern);

/// The files that `path` names, in the order of their names: `path` itself if it has no '*', else
/// the entries of its folder that match its last part (hidden ones only if the pattern starts with
/// a dot). NOT_FOUND if there are none, INVALID_ARGUMENT for a '*' in the folder's name.
absl::StatusOr<std::vector<std::string>> ExpandPath(const std::string& path);

}  // namespace millrace
