// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/data/data_config.h"
#include "client/data/site_message.h"
#include "client/store/stored_rows.h"
#include "plan/plan.h"

namespace millrace {

/// At what rate and in what units each machine's newest rows are, as far as plan, site and rows say
/// it: captures of before a change do not train beside them. Not thread-safe.
class NewestRows {
 public:
  /// `plan` outlives it.
  NewestRows(const DataConfig& config, const Plan& plan);

  /// Of recorded rows, the older ones first.
  void Note(const StoredRows& rows);
  /// How captured rows are unlike the newer ones or the plan, as in "they come at ..."; none: they
  /// are alike, or lack channels of the plan. To be asked of the newer ones first. Rows that say no
  /// unit are unlike where it is known to have been changed.
  std::optional<SiteMessage> Misfit(const StoredRows& rows);

 private:
  struct Column {
    std::string unit;
    bool changed = false;  // rows in another one were seen
  };
  struct Machine {
    int64_t period_ns = 0;        // 0: of any
    std::vector<Column> columns;  // the plan's
  };

  Machine& Of(const std::string& machine);
  /// What `rows` have the plan's column in; empty: they do not say.
  std::string UnitIn(const StoredRows& rows, size_t column) const;
  std::optional<SiteMessage> OtherRate(const Machine& machine, const StoredRows& rows) const;

  const Plan& plan_;
  const std::vector<InputColumn> inputs_;
  const double rate_hz_;      // that the site says; 0: none
  std::vector<Column> said_;  // by plan and site
  std::map<std::string, Machine> machines_;
};

}  // namespace millrace
