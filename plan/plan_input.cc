// SPDX-License-Identifier: Apache-2.0
#include "plan/plan_input.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "plan/plan_names.h"
#include "plan/rates_and_units.h"

namespace millrace {
namespace {

constexpr int64_t kMaxExampleElements = int64_t{1} << 22;  // window * channels
// Modes times channels: the scaling travels in one message, with a mean and a deviation for each.
constexpr int64_t kMaxScalings = int64_t{1} << 18;

ModeColumn ReadMode(TomlTable table) {
  ModeColumn mode;
  table.Require("column", "the column that tells the operating modes apart");
  table.NonEmptyString("column", &mode.column);
  ReadUnit(table, "unit", &mode.unit);
  table.Double("step", {.min = 0, .max = 1e9, .above_min = true}, &mode.step);
  table.Require("min", "the lowest cell's value");
  table.Require("max", "the highest cell's value");
  table.Double("min", {.min = -1e15, .max = 1e15}, &mode.min);
  table.Double("max", {.min = -1e15, .max = 1e15}, &mode.max);
  if (mode.max < mode.min) {
    table.Refuse("max", absl::StrCat("must be at least min (", mode.min, ")"));
  } else if (mode.Cells() > kMaxModeCells) {
    table.Refuse("step", absl::StrCat("min to max in such steps gives more than ", kMaxModeCells,
                                      " operating modes; use a larger step"));
  }
  return mode;
}

/// "" for what is no channel, or has no unit.
std::string UnitOfChannel(const InputPlan& input, const std::string& name) {
  const auto found = std::find(input.channels.begin(), input.channels.end(), name);
  if (found == input.channels.end() || input.units.empty()) return "";
  return input.units[found - input.channels.begin()];
}

void ReadModes(TomlTable table, InputPlan& input) {
  std::set<std::string> columns;
  for (TomlTable& entry : table.Tables("mode")) {
    const ModeColumn& mode = input.modes.emplace_back(ReadMode(entry));
    if (!columns.insert(mode.column).second) {
      entry.Refuse("column", "another [[input.mode]] has the same column");
    }
    const std::string unit = UnitOfChannel(input, mode.column);
    if (IsOtherUnit(mode.unit, unit)) {
      entry.Refuse("unit", absl::StrCat("[input] units has \"", unit, "\" for the same column"));
    }
  }
  const int64_t cells = input.ModeCells();
  if (cells > kMaxModeCells) {
    table.Refuse("mode", absl::StrCat("the grid has more than ", kMaxModeCells,
                                      " operating modes; use larger steps or fewer columns"));
  } else if (cells * std::ssize(input.channels) > kMaxScalings) {
    table.Refuse("mode", absl::StrCat("the grid's ", cells, " operating modes times ",
                                      input.channels.size(), " [input] channels must be at most ",
                                      kMaxScalings, "; use larger steps or fewer channels"));
  }
}

void ReadUnitsOfChannels(TomlTable table, InputPlan& input) {
  std::vector<std::string> units;
  if (!ReadUnits(table, "units", &units)) return;
  if (units.size() != input.channels.size()) {
    table.Refuse("units", absl::StrCat("must have one entry per entry of channels (",
                                       input.channels.size(), "), \"\" where there is none"));
    return;
  }
  input.units = std::move(units);
}

}  // namespace

void ReadInput(TomlTable table, InputPlan& input) {
  table.Require("channels", "the columns that the model sees");
  if (table.Strings("channels", &input.channels)) {
    std::set<std::string> seen;
    for (const std::string& channel : input.channels) {
      if (channel.empty()) table.Refuse("channels", "holds an empty name");
      if (!seen.insert(channel).second) {
        table.Refuse("channels", absl::StrCat("holds \"", channel, "\" twice"));
      }
    }
    if (input.channels.empty()) table.Refuse("channels", "must name at least one column");
  }
  ReadUnitsOfChannels(table, input);
  table.Double("rate_hz", kRatesHz, &input.rate_hz);
  const auto channels = static_cast<int64_t>(input.channels.size());
  if (table.Int("window", {1, kMaxExampleElements}, &input.window) && channels > 0 &&
      input.window > kMaxExampleElements / channels) {
    table.Refuse("window", absl::StrCat("times ", channels, " channels must be at most ",
                                        kMaxExampleElements, " values"));
  }
  table.Int("stride", {1, kMaxExampleElements}, &input.stride);
  table.Enum("normalization", kNormalizations, &input.normalization);
  if (input.normalization == Normalization::kWindow && input.window < 2) {
    table.Refuse("normalization", absl::StrCat("a window of ", input.window,
                                               " step has no deviation; set window to 2 or more"));
  }
  ReadModes(table, input);
  if (!input.modes.empty() && input.normalization != Normalization::kFederated) {
    table.Refuse("normalization",
                 "[[input.mode]] is for federated normalization only; remove one of the two");
  }
}

}  // namespace millrace
