// SPDX-License-Identifier: Apache-2.0
#include "base/name.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace millrace {

absl::Status CheckName(absl::string_view what, absl::string_view name) {
  bool valid = !name.empty() && name.size() <= 64 && name != "." && name != "..";
  for (const char c : name) {
    valid = valid && (absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.');
  }
  if (valid) return absl::OkStatus();
  // The name may come from a peer: neither its length nor its control characters reach a log.
  const std::string shown = absl::CHexEscape(name.substr(0, 64));
  return absl::InvalidArgumentError(absl::StrCat(
      what, " name \"", shown,
      "\": expected 1 to 64 letters, digits, '-', '_' or '.'; \".\" and \"..\" are reserved"));
}

}  // namespace millrace
