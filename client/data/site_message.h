// SPDX-License-Identifier: Apache-2.0
// Messages in two wordings: the whole one for the site's own log, and the one that may leave the
// site, without names of files and units and without values.
#pragma once

#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// What others may read of a status. Nothing leaves by default: of a status that is neither Public
/// nor made by a SiteMessage that is its code, and that the site's log has the reason.
std::string PublicText(const absl::Status& status);

/// `status` with `text` as what others may read of it.
absl::Status WithPublicText(absl::Status status, absl::string_view text);

/// `status` as one that may leave the site whole, unless it says already what of it may.
absl::Status Public(absl::Status status);

/// A part of a message that stays at the site; others read `instead`.
struct Private {
  std::string text;
  absl::string_view instead;
};

/// A message put together of parts: Private ones, other messages and statuses, of which what may
/// leave does, and everything that absl::StrCat takes, which may leave.
class SiteMessage {
 public:
  template <typename... Parts>
  SiteMessage(const Parts&... parts) {
    (Add(parts), ...);
  }

  /// For the site's log.
  const std::string& whole() const { return whole_; }
  absl::Status ToStatus(absl::StatusCode code) const {
    return WithPublicText(absl::Status(code, whole_), public_);
  }

 private:
  template <typename Part>
  void Add(const Part& part) {
    if constexpr (std::is_same_v<Part, Private>) {
      Add(part.text, part.instead);
    } else if constexpr (std::is_same_v<Part, SiteMessage>) {
      Add(part.whole_, part.public_);
    } else if constexpr (std::is_same_v<Part, absl::Status>) {
      Add(part.message(), PublicText(part));
    } else {
      const std::string text = absl::StrCat(part);
      Add(text, text);
    }
  }
  void Add(absl::string_view whole, absl::string_view public_text) {
    absl::StrAppend(&whole_, whole);
    absl::StrAppend(&public_, public_text);
  }

  std::string whole_;
  std::string public_;
};

}  // namespace millrace
