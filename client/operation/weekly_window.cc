// SPDX-License-Identifier: Apache-2.0
#include "client/operation/weekly_window.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"

namespace millrace {
namespace {

constexpr int kDay = 24 * 60;  // minutes
constexpr std::array<absl::string_view, 7> kDays = {"mon", "tue", "wed", "thu",
                                                    "fri", "sat", "sun"};

std::optional<size_t> DayOf(absl::string_view name) {
  const auto* const found = std::find(kDays.begin(), kDays.end(), name);
  if (found == kDays.end()) return std::nullopt;
  return found - kDays.begin();
}

/// Adds "mon" or "mon-fri", also "sat-mon".
bool AddDays(absl::string_view text, std::array<bool, 7>& days) {
  const std::vector<absl::string_view> ends = absl::StrSplit(text, '-');
  if (ends.size() > 2) return false;
  const std::optional<size_t> first = DayOf(ends.front());
  const std::optional<size_t> last = DayOf(ends.back());
  if (!first || !last) return false;
  for (size_t day = *first;; day = (day + 1) % days.size()) {
    days[day] = true;
    if (day == *last) return true;
  }
}

/// "HH:MM" as minutes of the day; "24:00" is its end.
std::optional<int> MinutesOf(absl::string_view text) {
  int hour = 0;
  int minute = 0;
  const bool shaped = text.size() == 5 && text[2] == ':';
  if (!shaped || !absl::SimpleAtoi(text.substr(0, 2), &hour) ||
      !absl::SimpleAtoi(text.substr(3), &minute)) {
    return std::nullopt;
  }
  const bool valid = hour >= 0 && minute >= 0 && minute < 60 && hour * 60 + minute <= kDay;
  return valid ? std::optional(hour * 60 + minute) : std::nullopt;
}

}  // namespace

absl::StatusOr<WeeklyWindow> WeeklyWindow::Parse(absl::string_view text) {
  const absl::Status refused = absl::InvalidArgumentError(
      absl::StrCat("\"", text,
                   "\": must be days and hours, such as \"mon-fri 06:00-22:00\", "
                   "\"sat,sun 00:00-24:00\" or \"daily 23:30-00:30\""));
  WeeklyWindow window;
  window.text_ = std::string(text);
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  if (words.size() != 2) return refused;
  if (words[0] == "daily") {
    window.days_.fill(true);
  } else {
    for (const absl::string_view days : absl::StrSplit(words[0], ',')) {
      if (!AddDays(days, window.days_)) return refused;
    }
  }
  const std::vector<absl::string_view> hours = absl::StrSplit(words[1], '-');
  if (hours.size() != 2) return refused;
  const std::optional<int> begin = MinutesOf(hours[0]);
  const std::optional<int> end = MinutesOf(hours[1]);
  if (!begin || !end || *begin == kDay || *begin == *end) return refused;
  window.begin_ = *begin;
  window.end_ = *end;
  return window;
}

bool WeeklyWindow::Contains(absl::Time time, absl::TimeZone zone) const {
  const absl::CivilMinute now = absl::ToCivilMinute(time, zone);
  const int minute = now.hour() * 60 + now.minute();
  const auto today = static_cast<size_t>(absl::GetWeekday(now));  // from Monday
  if (begin_ < end_) return days_[today] && minute >= begin_ && minute < end_;
  const size_t yesterday = (today + days_.size() - 1) % days_.size();
  return (days_[today] && minute >= begin_) || (days_[yesterday] && minute < end_);
}

}  // namespace millrace
