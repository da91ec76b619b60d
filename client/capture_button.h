// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/http_server.h"
#include "base/token_bucket.h"
#include "client/live/live_clock.h"

namespace millrace {

/// The operator's button where it is pressed over HTTP, by whoever reaches that: not so often that
/// what is captured by it crowds out what people want to keep. Thread-safe.
class CaptureButton {
 public:
  /// Has a machine captured, for the reason that the note says.
  using Capture = std::function<absl::Status(const std::string& machine, const std::string& note)>;

  static constexpr double kPressesAtOnce = 10;
  static constexpr double kPressesPerSecond = 0.1;

  /// `clock` outlives it.
  CaptureButton(Capture capture, LiveClock* clock);

  /// POST /capture?machine=NAME, the note in its body: 202, or 400, 404, 429 or 503 and why.
  HttpAnswer Press(const HttpPost& post);

 private:
  const Capture capture_;
  LiveClock* const clock_;
  absl::Mutex mutex_;
  TokenBucket presses_ ABSL_GUARDED_BY(mutex_){kPressesPerSecond, kPressesAtOnce};
};

}  // namespace millrace
