// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/check.h"
#include "base/text.h"
#include "coordinator/cli/units.h"

namespace millrace {

Table::Table(const std::vector<std::string>& headings) {
  std::vector<std::string> row;
  for (absl::string_view heading : headings) {
    flush_right_.push_back(absl::ConsumePrefix(&heading, ">"));
    row.emplace_back(heading);
  }
  rows_.push_back(std::move(row));
}

void Table::AddRow(const std::vector<std::string>& cells) {
  MR_CHECK(cells.size() == flush_right_.size());
  std::vector<std::string>& row = rows_.emplace_back();
  for (const std::string& cell : cells) row.push_back(Printable(cell));
}

std::string Table::Text() const {
  std::vector<size_t> widths(flush_right_.size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - DisplayWidth(row[i]), ' ');
      absl::StrAppend(&line, i == 0 ? "" : "  ", flush_right_[i] ? blanks : "", row[i],
                      flush_right_[i] ? "" : blanks);
    }
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return text;
}

std::string KeyValueText(const std::vector<std::pair<std::string, std::string>>& pairs) {
  size_t width = 0;
  for (const auto& [key, value] : pairs) {
    if (!value.empty()) width = std::max(width, DisplayWidth(key));
  }
  std::string text;
  for (const auto& [key, value] : pairs) {
    if (value.empty()) continue;
    absl::StrAppend(&text, key, std::string(width + 2 - DisplayWidth(key), ' '), Printable(value),
                    "\n");
  }
  return text;
}

}  // namespace millrace
