// SPDX-License-Identifier: Apache-2.0
#include "plan/toml_guard.h"

#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

// The end of the string literal that begins at `begin`, past its closing quotes, or the text's end.
size_t EndOfString(absl::string_view text, size_t begin) {
  const char quote = text[begin];
  const absl::string_view triple = quote == '"' ? "\"\"\"" : "'''";
  const bool multi_line = absl::StartsWith(text.substr(begin), triple);
  const absl::string_view closing = multi_line ? triple : triple.substr(0, 1);
  size_t i = begin + closing.size();
  while (i < text.size()) {
    if (quote == '"' && text[i] == '\\') {
      i += 2;
      continue;
    }
    if (!multi_line && text[i] == '\n') return i;  // unterminated: the parser will say so
    if (absl::StartsWith(text.substr(i), closing)) {
      i += closing.size();
      // A multi-line string may end in up to two quotes of its own before the closing three.
      for (int own = 0; multi_line && own < 2 && i < text.size() && text[i] == quote; ++own) ++i;
      return i;
    }
    ++i;
  }
  return text.size();
}

}  // namespace

absl::Status CheckKeyDepth(absl::string_view text) {
  int64_t line = 1;
  int parts = 1;
  size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const size_t end = EndOfString(text, i);
      for (; i < end; ++i) line += text[i] == '\n';
      continue;
    }
    if (c == '#') {
      while (i < text.size() && text[i] != '\n') ++i;
      continue;
    }
    if (c == '.' && ++parts > kMaxKeyParts) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line, ": a key of more than ", kMaxKeyParts, " dotted parts"));
    }
    if (absl::StrContains("=,[]{}\n", c)) parts = 1;
    line += c == '\n';
    ++i;
  }
  return absl::OkStatus();
}

}  // namespace millrace
