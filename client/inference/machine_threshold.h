// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/inference/adaptive_threshold.h"

namespace millrace {

/// The threshold of one machine under one model, from nothing: first it collects scores, which are
/// taken for normal, then it judges and goes on learning. Not thread-safe.
class MachineThreshold {
 public:
  struct Parameters {
    double rate = 1e-4;            // false alarms wanted per window
    int64_t learn_windows = 2500;  // that are collected first
  };

  MachineThreshold(const Parameters& parameters, uint64_t seed)
      : parameters_(parameters), seed_(seed), enough_(parameters.learn_windows) {}
  /// From what Serialize gave, before the first score; what cannot be read is learnt anew.
  void Restore(absl::string_view bytes);
  /// A few kilobytes; while it is learning, four bytes for each score so far. Empty where there is
  /// none.
  std::string Serialize() const;

  /// What comes is the new normal: from nothing again.
  void Relearn();

  void Observe(float score);
  /// No value yet while it is learning.
  std::optional<double> value() const;
  /// Why there is none: "120 of 2500 windows seen".
  std::string Progress() const;
  /// From time to time, off the path of the scores: makes a threshold once there are enough of
  /// them, and lets it follow them after that. `elapsed` since the last call.
  void Adapt(absl::Duration elapsed);

 private:
  const Parameters parameters_;
  const uint64_t seed_;
  std::vector<float> first_;
  int64_t enough_;           // scores with which to try
  std::string why_not_yet_;  // of the last try
  std::optional<AdaptiveThreshold> adaptive_;
};

}  // namespace millrace
