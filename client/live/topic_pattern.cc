// SPDX-License-Identifier: Apache-2.0
#include "client/live/topic_pattern.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/data/fields.h"

namespace millrace {
namespace {

constexpr absl::string_view kMachine = "{machine}";
constexpr absl::string_view kChannel = "{channel}";
constexpr size_t kLongest = 65535;  // MQTT's

}  // namespace

absl::StatusOr<TopicPattern> TopicPattern::Parse(absl::string_view text) {
  TopicPattern pattern;
  if (text.empty() || text.size() > kLongest) {
    return absl::InvalidArgumentError(absl::StrCat("must have 1 to ", kLongest, " bytes"));
  }
  pattern.levels_ = absl::StrSplit(text, '/');
  std::vector<absl::string_view> filter;
  for (size_t i = 0; i < pattern.levels_.size(); ++i) {
    const std::string& level = pattern.levels_[i];
    bool* const named = level == kMachine   ? &pattern.names_machine_
                        : level == kChannel ? &pattern.names_channel_
                                            : nullptr;
    if (named != nullptr && *named) {
      return absl::InvalidArgumentError(absl::StrCat(level, " stands twice"));
    }
    if (named != nullptr) *named = true;
    const bool last = i + 1 == pattern.levels_.size();
    if (named == nullptr && level != "+" && !(level == "#" && last) &&
        level.find_first_of("+#{}") != std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("level ", Shown(level),
                       " must be a text, +, {machine} or {channel}, the last one also #"));
    }
    filter.push_back(named != nullptr ? "+" : absl::string_view(level));
  }
  pattern.filter_ = absl::StrJoin(filter, "/");
  return pattern;
}

std::optional<TopicPattern::Names> TopicPattern::Match(absl::string_view topic) const {
  Names names;
  for (const std::string& level : levels_) {
    if (level == "#") return names;
    if (topic.data() == nullptr) return std::nullopt;  // the topic had fewer levels
    const size_t end = topic.find('/');
    const absl::string_view part = topic.substr(0, end);
    topic = end == absl::string_view::npos ? absl::string_view() : topic.substr(end + 1);
    if (level == kMachine) {
      names.machine = part;
    } else if (level == kChannel) {
      names.channel = part;
    } else if (level != "+" && level != part) {
      return std::nullopt;
    }
  }
  if (topic.data() != nullptr) return std::nullopt;
  return names;
}

}  // namespace millrace
