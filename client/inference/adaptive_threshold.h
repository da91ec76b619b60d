// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "client/inference/threshold.h"

namespace millrace {

/// An alarm threshold that follows a site's normal scores, slowly. It keeps a random sample of them
/// in which older ones are rarer (Aggarwal 2006) and is fitted to it anew from time to time.
///
/// Faults must not teach it, or one would raise it until it counts as normal. Nor may all alarms be
/// left out: without those that chance brings the tail would be cut shorter by each fit. So it
/// learns from every score, alarms (at no more than a plausible height) included, as long as alarms
/// come as rarely as chance brings them, and from none in an episode of alarms and for a while
/// after it. Constant memory. Not thread-safe.
class AdaptiveThreshold {
 public:
  struct Parameters {
    double rate = 1e-4;         // false alarms wanted per score
    int64_t capacity = 20'000;  // scores kept
    double memory = 600'000;    // scores until one counts 1/e; at least `capacity`
    double most_per_day = 1.1;  // factor on its height above the first scores' median
  };

  /// From scores of normal operation; errors are FitThreshold's. `seed` decides which scores stay.
  static absl::StatusOr<AdaptiveThreshold> Calibrate(const Parameters& parameters,
                                                     std::span<const float> scores, uint64_t seed);
  /// From what Serialize gave; where the wanted rate has changed since, Adapt moves the value to it
  /// within bounds. DATA_LOSS for anything else.
  static absl::StatusOr<AdaptiveThreshold> Parse(const Parameters& parameters,
                                                 absl::string_view bytes, uint64_t seed);
  /// A few kilobytes: the tail of the scores, and a sample of the others. Linear time.
  std::string Serialize() const;

  double value() const { return value_; }
  bool IsAlarm(double score) const { return score > value_; }

  /// A score of a window whose data passed validation, alarm or not. Scores that are not finite are
  /// passed over. Constant time.
  void Observe(float score);
  /// Fits it anew and moves it there, no further than a day's bound for the time since the last
  /// call; `elapsed` counts as between nothing and a day, whatever the clock did. An error is
  /// FitThreshold's and leaves it where it is. O(capacity log capacity): not on the path of scores.
  absl::StatusOr<ThresholdFit> Adapt(absl::Duration elapsed);

 private:
  AdaptiveThreshold(const Parameters& parameters, uint64_t seed)
      : parameters_(parameters), random_(seed) {}
  void Keep(float score);
  void MoveTo(double value);

  Parameters parameters_;
  Random random_;
  std::vector<float> scores_;
  double value_ = 0;
  double floor_ = 0;      // below value_
  double plausible_ = 0;  // scores beyond it count as it
  double credit_ = 0;     // alarms that chance explains; below 1 it does not learn
};

}  // namespace millrace
