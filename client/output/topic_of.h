// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace millrace {

inline constexpr size_t kLongestTopic = 1024;

/// `pattern` with the machine's name in the place of {machine}.
inline std::string TopicOf(absl::string_view pattern, absl::string_view machine) {
  return absl::StrReplaceAll(pattern, {{"{machine}", machine}});
}

}  // namespace millrace
