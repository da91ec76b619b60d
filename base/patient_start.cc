// SPDX-License-Identifier: Apache-2.0
#include "base/patient_start.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/retry_after.h"

namespace millrace {
namespace {

constexpr absl::Duration kPause = absl::Seconds(5);
constexpr absl::Duration kLongestPause = absl::Seconds(10);  // a clock may be set meanwhile

/// When to try again after `status`; nothing if that would not help.
std::optional<absl::Duration> PauseAfter(const absl::Status& status) {
  if (const auto delay = RetryAfter(status)) return std::min(*delay, kLongestPause);
  if (absl::IsResourceExhausted(status)) return kPause;
  return std::nullopt;
}

}  // namespace

absl::Status StartPatiently(const std::function<absl::Status()>& start,
                            const std::function<bool(absl::Duration)>& pause) {
  absl::StatusCode told = absl::StatusCode::kOk;  // messages differ by the time that they name
  while (true) {
    absl::Status status = start();
    const std::optional<absl::Duration> delay = PauseAfter(status);
    if (!delay) return status;
    if (status.code() != told) {
      LogWarning("start waits, and is tried again", {{"reason", status.message()}});
    }
    told = status.code();
    if (!pause(*delay)) {
      return absl::CancelledError(absl::StrCat("stopped before it started: ", status.message()));
    }
  }
}

}  // namespace millrace
