// SPDX-License-Identifier: Apache-2.0
// The fields of one line of delimited text.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace millrace {

/// Cuts lines into fields. With a separator of ' ' fields are parted by any run of blanks and tabs,
/// those at the line's ends included; with another one each separator parts two fields, blanks
/// around a field are dropped, and a field may stand in double quotes, "" meaning one of them
/// (RFC 4180, within one line). Not thread-safe.
class FieldSplitter {
 public:
  explicit FieldSplitter(char separator) : separator_(separator) {}

  /// False if a quote does not end on the line, or text follows it. The fields live as long as
  /// `line` and until the next call.
  bool Split(absl::string_view line, std::vector<absl::string_view>* fields);

 private:
  bool SplitQuoted(absl::string_view* rest, absl::string_view* field);

  const char separator_;
  std::string unquoted_;  // the text of quoted fields that had "" in them
};

enum class NumberKind {
  kNumber,
  kMissing,    // empty, NaN or NA
  kNotFinite,  // an infinity, or beyond the range of float
  kText
};

/// Reads a decimal number, whatever the locale; `*value` is set for kNumber only.
NumberKind ReadNumber(absl::string_view field, double* value);

/// `field` for a message: printable, in quotes, shortened.
std::string Shown(absl::string_view field);

}  // namespace millrace
