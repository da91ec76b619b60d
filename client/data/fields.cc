// SPDX-License-Identifier: Apache-2.0
#include "client/data/fields.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

void SplitAtBlanks(absl::string_view line, std::vector<absl::string_view>* fields) {
  size_t i = 0;
  while (true) {
    while (i < line.size() && IsBlank(line[i])) ++i;
    if (i == line.size()) return;
    const size_t start = i;
    while (i < line.size() && !IsBlank(line[i])) ++i;
    fields->push_back(line.substr(start, i - start));
  }
}

// Spaces only: a tab may be the separator.
void SkipSpaces(absl::string_view* text) {
  while (!text->empty() && text->front() == ' ') text->remove_prefix(1);
}

void DropTrailingSpaces(absl::string_view* text) {
  while (!text->empty() && text->back() == ' ') text->remove_suffix(1);
}

}  // namespace

// Takes `"..."` off `*rest`, which starts with the opening quote.
bool FieldSplitter::SplitQuoted(absl::string_view* rest, absl::string_view* field) {
  rest->remove_prefix(1);
  const size_t unquoted_start = unquoted_.size();
  bool doubled = false;
  while (true) {
    const size_t quote = rest->find('"');
    if (quote == absl::string_view::npos) return false;
    const absl::string_view piece = rest->substr(0, quote);
    rest->remove_prefix(quote + 1);
    const bool ends = rest->empty() || rest->front() != '"';
    if (ends && !doubled) {
      *field = piece;
      return true;
    }
    unquoted_.append(piece.data(), piece.size());
    if (ends) {
      *field = absl::string_view(unquoted_).substr(unquoted_start);
      return true;
    }
    unquoted_.push_back('"');
    rest->remove_prefix(1);
    doubled = true;
  }
}

bool FieldSplitter::Split(absl::string_view line, std::vector<absl::string_view>* fields) {
  fields->clear();
  if (separator_ == ' ') {
    SplitAtBlanks(line, fields);
    return true;
  }
  unquoted_.clear();
  unquoted_.reserve(line.size());  // so that no field's text moves
  absl::string_view rest = line;
  while (true) {
    SkipSpaces(&rest);
    absl::string_view field;
    const bool quoted = !rest.empty() && rest.front() == '"';
    if (quoted) {
      if (!SplitQuoted(&rest, &field)) return false;
      SkipSpaces(&rest);
      if (!rest.empty() && rest.front() != separator_) return false;
    }
    const size_t end = rest.find(separator_);
    if (!quoted) {
      field = rest.substr(0, end);
      DropTrailingSpaces(&field);
    }
    fields->push_back(field);
    if (end == absl::string_view::npos) return true;
    rest.remove_prefix(end + 1);
  }
}

NumberKind ReadNumber(absl::string_view field, double* value) {
  if (field.empty()) return NumberKind::kMissing;
  const char* start = field.data();
  const char* const end = start + field.size();
  if (*start == '+' && field.size() > 1 && field[1] != '-') ++start;
  double number = 0;
  const auto [stop, error] = std::from_chars(start, end, number);
  if (stop != end || error == std::errc::invalid_argument) {
    return absl::EqualsIgnoreCase(field, "na") || absl::EqualsIgnoreCase(field, "n/a")
               ? NumberKind::kMissing
               : NumberKind::kText;
  }
  if (std::isnan(number)) return NumberKind::kMissing;
  if (error == std::errc::result_out_of_range ||
      std::abs(number) > std::numeric_limits<float>::max()) {
    return NumberKind::kNotFinite;
  }
  *value = number;
  return NumberKind::kNumber;
}

std::string Shown(absl::string_view field) {
  constexpr size_t kLongest = 40;
  const bool cut = field.size() > kLongest;
  return absl::StrCat("\"", absl::CHexEscape(field.substr(0, kLongest)), cut ? "...\"" : "\"");
}

}  // namespace millrace
