// SPDX-License-Identifier: Apache-2.0
#include "client/capture_button.h"

#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/text.h"

namespace millrace {
namespace {

constexpr size_t kMostNoteBytes = 1000;

HttpAnswer ButtonRefusal(const absl::Status& status) {
  const int code = absl::IsNotFound(status) ? 404 : 503;
  return {code, kPlainText, absl::StrCat(Printable(status.message()), "\n")};
}

}  // namespace

CaptureButton::CaptureButton(Capture capture, LiveClock* clock)
    : capture_(std::move(capture)), clock_(clock) {}

HttpAnswer CaptureButton::Press(const HttpPost& post) {
  const auto machine = post.arguments.find("machine");
  if (machine == post.arguments.end()) {
    return {400, kPlainText,
            "POST /capture?machine=NAME, with a note as the body if there is one\n"};
  }
  {
    const absl::Time now = absl::FromUnixNanos(clock_->MonotonicNs());
    const absl::MutexLock lock(&mutex_);
    if (!presses_.Take(1, now)) {
      const double wait_s = std::ceil(absl::ToDoubleSeconds(presses_.Until(1, now)));
      return {429, kPlainText, absl::StrCat("pressed too often; again in ", wait_s, " s\n")};
    }
  }
  const absl::string_view note = absl::StripAsciiWhitespace(post.body);
  const absl::Status taken = capture_(machine->second, Printable(Utf8(note, kMostNoteBytes)));
  if (!taken.ok()) return ButtonRefusal(taken);
  return {202, kPlainText, absl::StrCat(machine->second, " is being captured\n")};
}

}  // namespace millrace
