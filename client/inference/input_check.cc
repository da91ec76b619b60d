// SPDX-License-Identifier: Apache-2.0
#include "client/inference/input_check.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/inference/machine.h"
#include "plan/rates_and_units.h"

namespace millrace {
namespace {

/// `machine` has it.
const std::string& UnitAt(const MachineConfig& machine, const InputColumn& column) {
  return std::ranges::find(machine.channels, column.name, &ChannelConfig::name)->unit;
}

/// What may be done about the machine's rows; nothing where they are another's, whom a model of its
/// own judges by them.
std::string WayOut(const MachineConfig& machine, const std::string& of_own_rows) {
  return machine.channels_of.empty() ? absl::StrCat(of_own_rows, ", or ") : "";
}

absl::Status CheckRate(const InputPlan& input, const MachineConfig& machine) {
  if (input.rate_hz == 0 || IsSameRate(input.rate_hz, machine.rate_hz)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("model '", machine.model, "' is of ", input.rate_hz, " rows a second, machine '",
                   machine.RowsOf(0), "' has ", machine.rate_hz, "; ",
                   WayOut(machine, absl::StrCat("set [[machine]] rate_hz = ", input.rate_hz,
                                                " where its channels are sampled at such a rate")),
                   "have a model trained at ", machine.rate_hz, " Hz"));
}

}  // namespace

absl::Status CheckInput(const InputPlan& input, const MachineConfig& machine) {
  MR_RETURN_IF_ERROR(InputMap::Of(input, machine).status());
  MR_RETURN_IF_ERROR(CheckRate(input, machine));
  for (const InputColumn& column : input.Columns()) {
    const std::string& unit = UnitAt(machine, column);
    if (!IsOtherUnit(column.unit, unit)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("model '", machine.model, "' needs the channel '", column.name, "' in ",
                     column.unit, ", machine '", machine.RowsOf(0), "' has it in ", unit, "; ",
                     WayOut(machine, absl::StrCat("have its source give ", column.unit,
                                                  " (scale and offset, where it has them) and say "
                                                  "so in [[machine.channel]] unit")),
                     "have a model trained on ", unit));
  }
  return absl::OkStatus();
}

std::vector<std::string> ColumnsOfUnsaidUnit(const InputPlan& input, const MachineConfig& machine) {
  std::vector<std::string> names;
  for (const InputColumn& column : input.Columns()) {
    const bool unsaid = !column.unit.empty() && UnitAt(machine, column).empty();
    if (unsaid && std::ranges::find(names, column.name) == names.end()) {
      names.push_back(column.name);
    }
  }
  return names;
}

}  // namespace millrace
