// SPDX-License-Identifier: Apache-2.0
// Text that came from outside, made fit for those who take text.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace millrace {

/// `text` as UTF-8 of at most `most` bytes, which is what stores and protocols take: cut between
/// two characters, and with a question mark for each byte that belongs to none.
std::string Utf8(absl::string_view text, size_t most = absl::string_view::npos);

/// `text` as UTF-8 on one line, with control characters escaped: it may come from peers, and a
/// terminal obeys what it might contain.
std::string Printable(absl::string_view text);

}  // namespace millrace
