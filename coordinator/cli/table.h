// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace millrace {

/// Rows of text under a heading, each column as wide as its widest cell, two blanks between them.
/// Cells are made Printable.
class Table {
 public:
  /// A heading that begins with '>' (which is not printed) sets its column flush right.
  explicit Table(const std::vector<std::string>& headings);

  /// As many cells as there are headings.
  void AddRow(const std::vector<std::string>& cells);
  bool empty() const { return rows_.size() == 1; }

  /// Lines without blanks at their ends; each ends in '\n'.
  std::string Text() const;

 private:
  std::vector<bool> flush_right_;
  std::vector<std::vector<std::string>> rows_;  // [0]: the headings
};

/// "key    value" lines, the values aligned; pairs with an empty value are left out.
std::string KeyValueText(const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace millrace
