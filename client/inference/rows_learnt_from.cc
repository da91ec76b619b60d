// SPDX-License-Identifier: Apache-2.0
#include "client/inference/rows_learnt_from.h"

#include <algorithm>

#include "plan/rates_and_units.h"

namespace millrace {

internal::RowsLearntFrom RowsNow(const MachineConfig& kind) {
  internal::RowsLearntFrom rows;
  rows.set_rate_hz(kind.rate_hz);
  for (const ChannelConfig& channel : kind.channels) {
    if (channel.unit.empty()) continue;
    internal::RowsLearntFrom::Column* const column = rows.add_columns();
    column->set_name(channel.name);
    column->set_unit(channel.unit);
  }
  return rows;
}

bool HaveOtherRate(const internal::RowsLearntFrom& rows, const MachineConfig& kind) {
  return rows.rate_hz() > 0 && !IsSameRate(rows.rate_hz(), kind.rate_hz);
}

std::vector<std::string> ColumnsOfOtherUnit(const internal::RowsLearntFrom& rows,
                                            const MachineConfig& kind) {
  std::vector<std::string> columns;
  for (const internal::RowsLearntFrom::Column& column : rows.columns()) {
    const auto now = std::ranges::find(kind.channels, column.name(), &ChannelConfig::name);
    if (now == kind.channels.end() || !IsOtherUnit(column.unit(), now->unit)) continue;
    columns.push_back(column.name());
  }
  return columns;
}

}  // namespace millrace
