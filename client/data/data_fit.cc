// SPDX-License-Identifier: Apache-2.0
#include "client/data/data_fit.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "plan/rates_and_units.h"

namespace millrace {
namespace {

constexpr double kNsPerSecondOfRows = 1e9;

SiteMessage OtherRate(double hz, const InputPlan& input) {
  return SiteMessage("come at ", hz, " rows a second, the plan's [input] rate_hz is ",
                     input.rate_hz);
}

SiteMessage OtherUnit(const std::string& unit, const InputColumn& column) {
  return SiteMessage("have the channel '", column.name, "' in ", unit, ", the plan has it in ",
                     column.unit);
}

}  // namespace

std::optional<SiteMessage> MisfitOf(const StoredRows& rows, const InputPlan& input) {
  if (input.rate_hz > 0 && !HasPeriod(input.rate_hz, rows.period_ns)) {
    return OtherRate(kNsPerSecondOfRows / static_cast<double>(rows.period_ns), input);
  }
  if (rows.units.empty()) return std::nullopt;
  for (const InputColumn& column : input.Columns()) {
    const auto found = std::ranges::find(rows.channels, column.name);
    if (found == rows.channels.end()) continue;
    const std::string& unit = rows.units[static_cast<size_t>(found - rows.channels.begin())];
    if (IsOtherUnit(unit, column.unit)) return OtherUnit(unit, column);
  }
  return std::nullopt;
}

std::optional<SiteMessage> MisfitOf(const DataConfig& config, const InputPlan& input) {
  if (input.rate_hz > 0 && config.rate_hz > 0 && !IsSameRate(input.rate_hz, config.rate_hz)) {
    return OtherRate(config.rate_hz, input);
  }
  for (const InputColumn& column : input.Columns()) {
    const auto found = std::ranges::find(config.units, column.name, &ColumnUnit::column);
    if (found == config.units.end() || !IsOtherUnit(found->unit, column.unit)) continue;
    return OtherUnit(found->unit, column);
  }
  return std::nullopt;
}

}  // namespace millrace
