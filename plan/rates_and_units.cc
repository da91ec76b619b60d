// SPDX-License-Identifier: Apache-2.0
#include "plan/rates_and_units.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

constexpr double kSameRate = 1e-5;
constexpr double kRoundingNs = 0.5;  // of a period
constexpr double kNsInASecond = 1e9;
constexpr size_t kMostUnitBytes = 64;

bool IsUnit(absl::string_view unit) {
  return unit.size() <= kMostUnitBytes &&
         std::ranges::none_of(unit, [](char c) { return absl::ascii_iscntrl(c); });
}

std::string Trimmed(absl::string_view unit) {
  return std::string(absl::StripAsciiWhitespace(unit));
}

std::string NoUnit() {
  return absl::StrCat("a unit has at most ", kMostUnitBytes, " bytes and no control characters");
}

}  // namespace

bool IsSameRate(double one_hz, double other_hz) {
  return std::abs(one_hz - other_hz) <= kSameRate * std::max(one_hz, other_hz);
}

bool HasPeriod(double rate_hz, int64_t period_ns) {
  const double wanted_ns = kNsInASecond / rate_hz;
  return std::abs(static_cast<double>(period_ns) - wanted_ns) <=
         kRoundingNs + kSameRate * wanted_ns;
}

bool IsOtherUnit(absl::string_view one, absl::string_view other) {
  return !one.empty() && !other.empty() && one != other;
}

bool ReadUnit(TomlTable& table, absl::string_view key, std::string* unit) {
  std::string text;
  if (!table.String(key, &text)) return false;
  text = Trimmed(text);
  if (!IsUnit(text)) {
    table.Refuse(key, NoUnit());
    return false;
  }
  *unit = std::move(text);
  return true;
}

bool ReadUnits(TomlTable& table, absl::string_view key, std::vector<std::string>* units) {
  std::vector<std::string> texts;
  if (!table.Strings(key, &texts)) return false;
  for (std::string& text : texts) text = Trimmed(text);
  if (!std::ranges::all_of(texts, [](const std::string& text) { return IsUnit(text); })) {
    table.Refuse(key, NoUnit());
    return false;
  }
  *units = std::move(texts);
  return true;
}

}  // namespace millrace
