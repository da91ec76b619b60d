// SPDX-License-Identifier: Apache-2.0
#include "plan/nearest_name.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace millrace {

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

absl::string_view NearestName(absl::string_view name,
                              std::span<const absl::string_view> candidates) {
  absl::string_view nearest;
  size_t shortest = 0;
  for (const absl::string_view candidate : candidates) {
    const size_t allowed = std::max<size_t>(1, candidate.size() / 3);
    // The lengths alone bound the distance: a hostile name of a megabyte costs nothing.
    if (name.size() > candidate.size() + allowed) continue;
    const size_t distance = EditDistance(name, candidate);
    if (distance > allowed) continue;
    if (nearest.empty() || distance < shortest) {
      nearest = candidate;
      shortest = distance;
    }
  }
  return nearest;
}

}  // namespace millrace
