// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// What the plant says of a capture.
struct CaptureLabel {
  double value = 0;  // a class, or a number in the label's unit; 0 is the normal state
  std::string note;  // for people
  std::string by;
};

/// The file that stands beside a capture: {"label": 3, "note": "bearing", "by": "A. Smith"}.
std::string LabelJson(const CaptureLabel& label);
/// INVALID_ARGUMENT says what is wrong: the plant's own programs write such files too.
absl::StatusOr<CaptureLabel> ParseLabelJson(absl::string_view json);

}  // namespace millrace
