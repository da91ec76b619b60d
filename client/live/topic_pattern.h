// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// Which topics of a broker a source reads, and where in them machine and channel stand:
/// "plant/{machine}/+/{channel}". Each level is a text, '+' for any text, '#' for any further
/// levels (at the end only), {machine} or {channel}.
class TopicPattern {
 public:
  struct Names {
    absl::string_view machine;  // empty: the topic does not say
    absl::string_view channel;
  };

  /// INVALID_ARGUMENT with the level that cannot be.
  static absl::StatusOr<TopicPattern> Parse(absl::string_view text);

  /// What a broker is asked for: the placeholders are wildcards.
  const std::string& filter() const { return filter_; }
  bool names_machine() const { return names_machine_; }
  bool names_channel() const { return names_channel_; }

  /// None if the topic is not one of them. The names live as long as `topic`.
  std::optional<Names> Match(absl::string_view topic) const;

 private:
  std::vector<std::string> levels_;
  std::string filter_;
  bool names_machine_ = false;
  bool names_channel_ = false;
};

}  // namespace millrace
