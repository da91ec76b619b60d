// SPDX-License-Identifier: Apache-2.0
#include "scripts/anomaly_benchmark/row_counts.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace millrace {

double RowCounts::F1() const {
  return 2 * static_cast<double>(found) / static_cast<double>(2 * found + false_alarms + missed);
}

double RowCounts::FalseAlarmRate() const {
  return static_cast<double>(false_alarms) / static_cast<double>(false_alarms + quiet);
}

double RowCounts::MissedAlarmRate() const {
  return static_cast<double>(missed) / static_cast<double>(missed + found);
}

RowCounts& RowCounts::operator+=(const RowCounts& other) {
  found += other.found;
  missed += other.missed;
  false_alarms += other.false_alarms;
  quiet += other.quiet;
  return *this;
}

RowCounts CountRows(std::span<const uint8_t> alarmed, std::span<const float> truth) {
  MR_CHECK(alarmed.size() == truth.size());
  RowCounts counts;
  for (size_t i = 0; i < truth.size(); ++i) {
    if (truth[i] > 0) {
      ++(alarmed[i] != 0 ? counts.found : counts.missed);
    } else {
      ++(alarmed[i] != 0 ? counts.false_alarms : counts.quiet);
    }
  }
  return counts;
}

std::vector<uint8_t> AlarmedRows(std::span<const uint8_t> windows, int64_t window, AlarmRule rule) {
  if (windows.empty()) return {};
  const auto count = static_cast<int64_t>(windows.size());
  std::vector<uint8_t> rows(count + window - 1, 0);
  int64_t in_a_row = 0;  // alarmed windows up to the present one
  for (int64_t last = 0; last < static_cast<int64_t>(rows.size()); ++last) {
    // The windows that contain row `last` begin at first .. newest.
    const int64_t newest = std::min(last, count - 1);
    const int64_t first = std::max<int64_t>(0, last - window + 1);
    const int64_t before = in_a_row;
    if (last < count) in_a_row = windows[last] != 0 ? in_a_row + 1 : 0;
    switch (rule) {
      case AlarmRule::kEvery:
        rows[last] = in_a_row >= newest - first + 1 ? 1 : 0;
        break;
      case AlarmRule::kLast:
        rows[last] = last >= window - 1 ? windows[first] : 0;
        break;
      case AlarmRule::kNotebook:
        rows[last] = last >= window - 1 && last <= count - window && before >= window - 1 ? 1 : 0;
        break;
    }
  }
  return rows;
}

double Quantile(std::vector<double> values, double share) {
  MR_CHECK(!values.empty());
  std::ranges::sort(values);
  const double at = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - std::floor(at)) * (values[above] - values[below]);
}

}  // namespace millrace
