// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace millrace {

/// Hours of the week at a site, such as "mon-fri 06:00-22:00", "sat,sun 00:00-24:00" or
/// "daily 23:30-00:30", in the site's own time. One that ends before it begins goes on into the
/// next day.
class WeeklyWindow {
 public:
  /// INVALID_ARGUMENT quotes the text and gives the form.
  static absl::StatusOr<WeeklyWindow> Parse(absl::string_view text);

  bool Contains(absl::Time time, absl::TimeZone zone) const;
  /// As it was written.
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::array<bool, 7> days_{};  // on which it begins, from Monday
  int begin_ = 0;               // minutes of the day
  int end_ = 0;                 // up to 24 * 60; below begin_: of the next day
};

}  // namespace millrace
