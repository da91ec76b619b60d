// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/data/site_message.h"
#include "client/store/stored_rows.h"
#include "models/dataset.h"
#include "plan/plan.h"

namespace millrace {

/// Gathers stretches of recorded rows into a plan's series. A series ends where a row is missing,
/// or where a value of the plan's channels or modes is missing or did not pass, so that no window
/// holds any of it. Not thread-safe.
class StoredSeries {
 public:
  struct Row {
    int64_t time_ns = 0;
    bool alarm = false;  // the machine was in alarm
  };
  /// What the rows have for a label; NaN: a window that ends there has none.
  using LabelOf = std::function<float(const Row& row)>;
  /// Whether a row is to be used.
  using Uses = std::function<bool(const Row& row)>;

  explicit StoredSeries(const Plan& plan) : plan_(plan) {}

  /// Rows of one unit by their time. Of a unit whose rate has changed, or of a column of it that
  /// has come to another unit of measurement, only the newest count. False,
  /// and nothing is added, if they lack a channel or mode of the plan, or its label's column where
  /// `label_of` is not given, or are misfits. Misfits by a unit take those with them that had said
  /// none until then: they were in that one. INVALID_ARGUMENT for a label that the plan cannot
  /// have.
  absl::StatusOr<bool> Add(const std::string& unit, const StoredRows& rows, const Uses& uses,
                           const LabelOf& label_of = nullptr);

  /// By unit, why its newest rows were not added although they have the plan's channels: they are
  /// of another rate, or in another unit.
  const std::map<std::string, SiteMessage>& misfits() const { return misfits_; }

  /// By unit. Leaves the object empty.
  std::vector<Series> Take();

 private:
  struct Unit {
    int64_t period_ns = 0;
    std::vector<std::string> said;  // units of measurement of the plan's columns, so far
    int64_t next_ns = 0;            // where the row that continues the last series would be
    bool open = false;              // the last series can go on
    std::vector<Series> series;
  };

  void ForgetUnsaid(const std::string& unit, const StoredRows& rows,
                    const std::vector<size_t>& places);

  const Plan& plan_;
  std::map<std::string, Unit> units_;
  std::map<std::string, SiteMessage> misfits_;
};

}  // namespace millrace
