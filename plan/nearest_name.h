// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "absl/strings/string_view.h"

namespace millrace {

/// Levenshtein's distance: insertions, deletions and replacements of one character.
size_t EditDistance(absl::string_view a, absl::string_view b);

/// The candidate that `name` was probably meant to be: the nearest one, the first of equals, if
/// its distance is at most a third of its length (and at least one edit is allowed). Empty if
/// there is none.
absl::string_view NearestName(absl::string_view name,
                              std::span<const absl::string_view> candidates);

}  // namespace millrace
