// SPDX-License-Identifier: Apache-2.0
// A short plan, and variations of it.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace millrace::testing {

inline constexpr char kShort[] = R"(secure_aggregation = "off"
[run]
name = "r"
[model]
kind = "mlp"
hidden = [8]
[input]
channels = ["a", "b"]
[label]
kind = "run_to_failure"
cap = 125
)";

/// kShort with each pair's first text replaced by its second.
inline std::string Changed(
    const std::vector<std::pair<absl::string_view, absl::string_view>>& changes) {
  std::string text = kShort;
  for (const auto& [from, to] : changes) {
    EXPECT_THAT(text, ::testing::HasSubstr(std::string(from)));
    absl::StrReplaceAll({{from, to}}, &text);
  }
  return text;
}

}  // namespace millrace::testing
