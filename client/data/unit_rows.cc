// SPDX-License-Identifier: Apache-2.0
#include "client/data/unit_rows.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "client/data/fields.h"

namespace millrace {
namespace {

bool ComesAfter(absl::string_view latest, absl::string_view next) {
  double a = 0;
  double b = 0;
  if (ReadNumber(latest, &a) == NumberKind::kNumber &&
      ReadNumber(next, &b) == NumberKind::kNumber) {
    return a < b;
  }
  return latest < next;
}

}  // namespace

UnitRows::UnitRows(const Plan& plan) : label_(plan.label), has_modes_(!plan.input.modes.empty()) {}

UnitRows::Unit& UnitRows::Find(const std::string& name) {
  if (!units_.empty() && units_[latest_].name == name) return units_[latest_];
  const auto [entry, is_new] = index_.try_emplace(name, units_.size());
  if (is_new) units_.emplace_back().name = name;
  latest_ = entry->second;
  return units_[latest_];
}

bool UnitRows::Add(const std::string& name, const UnitRow& row) {
  Unit& unit = Find(name);
  if (row.ordered) {
    if (unit.steps > 0 && !ComesAfter(unit.order, row.order)) return false;
    unit.order.assign(row.order.data(), row.order.size());
  }
  const int64_t step = unit.steps++;
  if (row.incomplete) {
    unit.open = false;
    return true;
  }
  if (!unit.open) {
    Segment& segment = unit.segments.emplace_back();
    segment.first_step = step;
    segment.series.unit = name;
  }
  unit.open = true;
  Series& series = unit.segments.back().series;
  ++series.steps;
  series.values.insert(series.values.end(), row.values.begin(), row.values.end());
  if (has_modes_) series.cells.push_back(row.cell);
  if (label_.kind == LabelKind::kColumn) series.labels.push_back(row.label);
  return true;
}

std::vector<Series> UnitRows::Take(std::span<const double> steps_left) {
  MR_CHECK(steps_left.empty() || steps_left.size() == units_.size());
  std::vector<Series> all;
  for (size_t u = 0; u < units_.size(); ++u) {
    const double left = steps_left.empty() ? 0 : steps_left[u];
    for (Segment& segment : units_[u].segments) {
      Series& series = segment.series;
      if (label_.kind == LabelKind::kRunToFailure) {
        const int64_t to_last = units_[u].steps - 1 - segment.first_step;
        for (int64_t i = 0; i < series.steps; ++i) {
          const double remaining = static_cast<double>(to_last - i) + left;
          series.labels.push_back(static_cast<float>(std::min(label_.cap, remaining)));
        }
      }
      all.push_back(std::move(series));
    }
  }
  units_.clear();
  index_.clear();
  latest_ = 0;
  return all;
}

}  // namespace millrace
