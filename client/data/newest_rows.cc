// SPDX-License-Identifier: Apache-2.0
#include "client/data/newest_rows.h"

#include <algorithm>
#include <cstddef>

#include "client/data/data_fit.h"
#include "plan/rates_and_units.h"

namespace millrace {
namespace {

constexpr double kNsPerSecondOfCaptures = 1e9;

double RateOf(int64_t period_ns) { return kNsPerSecondOfCaptures / static_cast<double>(period_ns); }

}  // namespace

NewestRows::NewestRows(const DataConfig& config, const Plan& plan)
    : plan_(plan), inputs_(plan.input.Columns()), rate_hz_(config.rate_hz) {
  for (const InputColumn& input : inputs_) {
    Column& column = said_.emplace_back();
    column.unit = input.unit;
    const auto found = std::ranges::find(config.units, input.name, &ColumnUnit::column);
    if (column.unit.empty() && found != config.units.end()) column.unit = found->unit;
  }
}

NewestRows::Machine& NewestRows::Of(const std::string& machine) {
  const auto [place, added] = machines_.try_emplace(machine);
  if (added) place->second.columns = said_;
  return place->second;
}

std::string NewestRows::UnitIn(const StoredRows& rows, size_t column) const {
  const auto found = std::ranges::find(rows.channels, inputs_[column].name);
  if (rows.units.empty() || found == rows.channels.end()) return "";
  return rows.units[static_cast<size_t>(found - rows.channels.begin())];
}

void NewestRows::Note(const StoredRows& rows) {
  Machine& machine = Of(rows.machine);
  machine.period_ns = rows.period_ns;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Column& column = machine.columns[i];
    const std::string unit = UnitIn(rows, i);
    column.changed = column.changed || IsOtherUnit(unit, column.unit);
    if (!unit.empty() && inputs_[i].unit.empty()) column.unit = unit;
  }
}

std::optional<SiteMessage> NewestRows::OtherRate(const Machine& machine,
                                                 const StoredRows& rows) const {
  if (plan_.input.rate_hz > 0) return std::nullopt;  // any that is the plan's is right
  const bool as_site = rate_hz_ == 0 || HasPeriod(rate_hz_, rows.period_ns);
  if (as_site && (machine.period_ns == 0 || machine.period_ns == rows.period_ns)) {
    return std::nullopt;
  }
  return SiteMessage("come at ", RateOf(rows.period_ns), " rows a second, the newest at ",
                     as_site ? RateOf(machine.period_ns) : rate_hz_);
}

std::optional<SiteMessage> NewestRows::Misfit(const StoredRows& rows) {
  for (const InputColumn& input : inputs_) {
    if (std::ranges::find(rows.channels, input.name) == rows.channels.end()) return std::nullopt;
  }
  Machine& machine = Of(rows.machine);
  std::optional<SiteMessage> misfit = OtherRate(machine, rows);
  if (machine.period_ns == 0) machine.period_ns = rows.period_ns;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Column& column = machine.columns[i];
    const std::string unit = UnitIn(rows, i);
    if (IsOtherUnit(unit, column.unit)) {
      column.changed = true;
      misfit = SiteMessage("have the channel '", inputs_[i].name, "' in ", unit,
                           ", the newest have it in ", column.unit);
    } else if (unit.empty() && column.changed) {
      misfit = SiteMessage("say no unit of the channel '", inputs_[i].name,
                           "', which has been changed to ", column.unit);
    }
    if (column.unit.empty()) column.unit = unit;
  }
  std::optional<SiteMessage> of_plan = MisfitOf(rows, plan_.input);
  return of_plan ? of_plan : misfit;
}

}  // namespace millrace
