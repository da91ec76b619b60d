// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace millrace {
namespace {

/// Bytes of the character that begins at `at`; 0 if none does. The Unicode Standard, table 3-7:
/// what is not the shortest form, a surrogate, or beyond U+10FFFF is no character.
size_t CharacterAt(absl::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() - at < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool too_long = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool no_character = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
  return too_long || no_character ? 0 : size;
}

}  // namespace

std::string Utf8(absl::string_view text, size_t most) {
  std::string valid;
  for (size_t at = 0; at < text.size();) {
    const size_t size = CharacterAt(text, at);
    const absl::string_view next = size == 0 ? "?" : text.substr(at, size);
    if (next.size() > most - valid.size()) break;
    absl::StrAppend(&valid, next);
    at += next.size();
  }
  return valid;
}

std::string Printable(absl::string_view text) {
  const std::string valid = Utf8(text);
  std::string printable;
  for (size_t i = 0; i < valid.size(); ++i) {
    const auto byte = static_cast<unsigned char>(valid[i]);
    // U+0080 to U+009F, C2 80 to C2 9F in UTF-8, are controls too: 9B begins an escape sequence.
    const bool wide_control = byte == 0xC2 && static_cast<unsigned char>(valid[i + 1]) < 0xA0;
    if (byte == '\n' || byte == '\r' || byte == '\t') {
      printable += ' ';
    } else if (absl::ascii_iscntrl(byte) || wide_control) {
      absl::StrAppend(&printable, absl::StrFormat("\\x%02x", byte));
      if (wide_control) {
        absl::StrAppend(&printable,
                        absl::StrFormat("\\x%02x", static_cast<unsigned char>(valid[++i])));
      }
    } else {
      printable += valid[i];
    }
  }
  return printable;
}

}  // namespace millrace
