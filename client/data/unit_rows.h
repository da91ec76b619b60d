// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "models/dataset.h"
#include "plan/plan.h"

namespace millrace {

/// One row of a table, read.
struct UnitRow {
  absl::string_view order;  // compared if `ordered`
  bool ordered = false;
  bool incomplete = false;        // lacks a value: the row counts as a step, and parts segments
  std::span<const float> values;  // [channels]
  int32_t cell = 0;
  float label = 0;  // NaN: no window may end here
};

/// Gathers rows, in whatever order the units come, into one series per unit, or several where
/// incomplete rows part it. Not thread-safe.
class UnitRows {
 public:
  explicit UnitRows(const Plan& plan);

  /// Appends to the unit `name`. False, and nothing is added, if the row's order does not come
  /// after that of the unit's latest row: as numbers if both are, else as text, which is right for
  /// ISO 8601 times.
  bool Add(const std::string& name, const UnitRow& row);

  /// Units so far, those without a complete row included.
  int64_t units() const { return static_cast<int64_t>(units_.size()); }

  /// The series, units in the order of their first row. A run-to-failure label is
  /// min(cap, steps to the unit's last row + steps_left of the unit); `steps_left` has one entry
  /// per unit, or none: every unit ran to failure. Leaves the object empty.
  std::vector<Series> Take(std::span<const double> steps_left);

 private:
  struct Segment {
    int64_t first_step = 0;  // within the unit, incomplete rows counted
    Series series;
  };
  struct Unit {
    std::string name;
    std::vector<Segment> segments;
    bool open = false;  // the next row belongs to the last segment
    int64_t steps = 0;
    std::string order;
  };

  Unit& Find(const std::string& name);

  const LabelPlan label_;
  const bool has_modes_;
  std::vector<Unit> units_;
  std::map<std::string, size_t, std::less<>> index_;
  size_t latest_ = 0;  // rows of a unit mostly follow each other
};

}  // namespace millrace
