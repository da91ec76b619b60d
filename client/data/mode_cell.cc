// SPDX-License-Identifier: Apache-2.0
#include "client/data/mode_cell.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace millrace {

int32_t ModeCell(std::span<const ModeColumn> modes, std::span<const double> values) {
  MR_CHECK(modes.size() == values.size());
  int64_t cell = 0;
  for (size_t i = 0; i < modes.size(); ++i) {
    const int64_t cells = modes[i].Cells();
    const double place = std::round((values[i] - modes[i].min) / modes[i].step);
    // Clamped before the cast: a value far off the grid would overflow an integer.
    const double inside = std::clamp(place, 0.0, static_cast<double>(cells - 1));
    cell = cell * cells + static_cast<int64_t>(inside);
  }
  return static_cast<int32_t>(cell);  // < kMaxModeCells
}

}  // namespace millrace
