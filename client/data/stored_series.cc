// SPDX-License-Identifier: Apache-2.0
#include "client/data/stored_series.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

#include "base/status.h"
#include "client/data/data_fit.h"
#include "client/data/label_value.h"
#include "client/data/mode_cell.h"
#include "plan/rates_and_units.h"

namespace millrace {
namespace {

/// Where names are among the rows' channels; empty if one is not.
std::vector<size_t> PlacesOf(const std::vector<std::string>& names, const StoredRows& rows) {
  std::vector<size_t> places;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(rows.channels, name);
    if (found == rows.channels.end()) return {};
    places.push_back(found - rows.channels.begin());
  }
  return places;
}

/// Whether the rows have those units, as far as any are said; adds what they say.
bool Continues(const std::vector<size_t>& places, const StoredRows& rows,
               std::vector<std::string>& said) {
  for (size_t i = 0; i < places.size() && !rows.units.empty(); ++i) {
    const std::string& unit = rows.units[places[i]];
    if (IsOtherUnit(unit, said[i])) return false;
    if (!unit.empty()) said[i] = unit;
  }
  return true;
}

}  // namespace

absl::StatusOr<bool> StoredSeries::Add(const std::string& unit, const StoredRows& rows,
                                       const Uses& uses, const LabelOf& label_of) {
  std::vector<std::string> names = plan_.input.channels;
  for (const ModeColumn& mode : plan_.input.modes) names.push_back(mode.column);
  const size_t inputs = names.size();
  const bool own_label = label_of == nullptr && plan_.label.kind == LabelKind::kColumn;
  if (own_label) names.push_back(plan_.label.column);
  const std::vector<size_t> places = PlacesOf(names, rows);
  if (places.empty()) return false;
  if (std::optional<SiteMessage> misfit = MisfitOf(rows, plan_.input)) {
    misfits_.insert_or_assign(unit, *std::move(misfit));
    ForgetUnsaid(unit, rows, places);
    return false;
  }
  misfits_.erase(unit);

  Unit& to = units_[unit];
  if (to.period_ns != rows.period_ns || !Continues(places, rows, to.said)) {
    to = {rows.period_ns, std::vector<std::string>(places.size()), 0, false, {}};
    Continues(places, rows, to.said);
  }
  // Where the period is no whole number of nanoseconds a block begins anew now and then.
  if (std::abs(rows.first_ns - to.next_ns) > rows.period_ns / 2) to.open = false;
  to.next_ns = rows.last_ns() + rows.period_ns;
  const size_t width = rows.channels.size();
  std::vector<double> modes(plan_.input.modes.size());
  for (int64_t i = 0; i < rows.rows(); ++i) {
    const float* const values = rows.values.data() + i * width;
    const Flag* const flags = rows.flags.data() + i * width;
    const auto sound = [&](size_t place) {
      return flags[place] <= Flag::kNotEvaluated && std::isfinite(values[place]);
    };
    const Row row{rows.first_ns + i * rows.period_ns, !rows.alarms.empty() && rows.alarms[i] != 0};
    if (!std::all_of(places.begin(), places.begin() + inputs, sound) || !uses(row)) {
      to.open = false;
      continue;
    }
    if (!to.open) to.series.emplace_back().unit = unit;
    to.open = true;
    Series& series = to.series.back();
    ++series.steps;
    for (size_t c = 0; c < plan_.input.channels.size(); ++c) {
      series.values.push_back(values[places[c]]);
    }
    if (!modes.empty()) {
      for (size_t m = 0; m < modes.size(); ++m) {
        modes[m] = values[places[plan_.input.channels.size() + m]];
      }
      series.cells.push_back(ModeCell(plan_.input.modes, modes));
    }
    if (plan_.label.kind == LabelKind::kNone) continue;
    float label = std::numeric_limits<float>::quiet_NaN();
    if (label_of != nullptr) {
      label = label_of(row);
    } else if (own_label && sound(places.back())) {
      label = values[places.back()];
    }
    if (!std::isnan(label)) {
      if (const auto problem = LabelProblem(plan_.label, label)) {
        return SiteMessage(Private{unit, "a recording"}, ": ", *problem)
            .ToStatus(absl::StatusCode::kInvalidArgument);
      }
    }
    series.labels.push_back(label);
  }
  return true;
}

void StoredSeries::ForgetUnsaid(const std::string& unit, const StoredRows& rows,
                                const std::vector<size_t>& places) {
  const auto found = units_.find(unit);
  if (found == units_.end() || rows.units.empty()) return;
  const std::vector<InputColumn> columns = plan_.input.Columns();
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool misfit = IsOtherUnit(rows.units[places[i]], columns[i].unit);
    if (!misfit || !found->second.said[i].empty()) continue;
    units_.erase(found);
    return;
  }
}

std::vector<Series> StoredSeries::Take() {
  std::vector<Series> all;
  for (auto& [name, unit] : units_) std::ranges::move(unit.series, std::back_inserter(all));
  units_.clear();
  return all;
}

}  // namespace millrace
