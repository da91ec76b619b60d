// SPDX-License-Identifier: Apache-2.0
// A channel's seconds as few numbers, and these as deviations from what is normal.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "absl/status/status.h"

namespace millrace {

namespace internal {
class DriftState;
}  // namespace internal

/// What drift is looked for in. Peaks (the crest factor) are not: their skewed distribution would
/// multiply the false alarms of every detector that counts in deviations.
enum DriftFeature { kFeatureMean, kFeatureSpread };
inline constexpr int kDriftFeatures = 2;

/// NaN: a feature that there is not.
using FeatureValues = std::array<double, kDriftFeatures>;
inline constexpr FeatureValues kNoFeatures = {std::numeric_limits<double>::quiet_NaN(),
                                              std::numeric_limits<double>::quiet_NaN()};

/// Cuts a channel's grid into seconds (single values where it is slower than that). Constant time
/// and memory. Not thread-safe.
class FeatureExtractor {
 public:
  explicit FeatureExtractor(double period_s);

  /// `value`: NaN where it is missing or flagged. Set with the last value of a second; without
  /// features where less than half of the second's values could be used. The spread is the cube
  /// root of the variance, which is nearly normal (Wilson and Hilferty 1931); it needs four values.
  std::optional<FeatureValues> Add(float value);

 private:
  int64_t per_second_;
  int64_t seen_ = 0;
  int64_t used_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

/// Normal features by operating mode, learned from the first seconds in that mode. Not thread-safe.
class FeatureStandardizer {
 public:
  static constexpr size_t kMostModes = 256;
  static constexpr int64_t kMostKept = 256;  // seconds of a mode

  /// `seconds` >= 2 are learned of each mode.
  explicit FeatureStandardizer(int64_t seconds) : seconds_(seconds) {}

  /// Learns a normal second, unless the mode is learned already or there are too many modes. True
  /// if this completes the mode.
  bool Learn(int32_t mode, const FeatureValues& features);
  bool Knows(int32_t mode) const;
  /// In deviations from the mode's mean. Nothing for a mode that is not learned; NaN for a feature
  /// that it lacked too often or that never varied.
  std::optional<FeatureValues> Standardize(int32_t mode, const FeatureValues& features) const;
  /// Some of the seconds learned of a mode that is known, evenly spread, as Standardize gives them.
  /// They are given away once.
  std::vector<FeatureValues> TakeSample(int32_t mode);

  void Save(internal::DriftState* file) const;
  /// DATA_LOSS, and nothing changed, for what Save did not write; FAILED_PRECONDITION for what was
  /// learned over another number of seconds.
  absl::Status Restore(const internal::DriftState& file);

 private:
  struct Moments {
    int64_t count = 0;
    double mean = 0;
    double squares = 0;
  };
  struct Mode {
    int64_t learned = 0;
    std::array<Moments, kDriftFeatures> moments;
    std::vector<std::array<float, kDriftFeatures>> kept;
  };

  int64_t seconds_;
  std::map<int32_t, Mode> modes_;
};

}  // namespace millrace
