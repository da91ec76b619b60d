// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/drift/drift_parameters.h"
#include "client/drift/features.h"
#include "client/drift/shift_detector.h"
#include "client/drift/two_samples.h"

namespace millrace {

enum class DriftState : uint8_t {
  kLearning,   // no mode is known yet
  kStable,     // as it was when the reference was learned
  kSuspected,  // the fast detector has found a shift
  kConfirmed   // and the recent seconds are distributed otherwise than the reference
};

/// "learning" and the like.
const char* NameOf(DriftState state);

/// What a channel is compared with.
enum class DriftReference : uint8_t {
  kLive,     // its own first seconds in each mode
  kTraining  // what the site had recorded of it when the model was installed
};

/// "live" and the like.
const char* NameOf(DriftReference reference);

/// What is sent upward. Numbers of the feature that has moved furthest.
struct DriftReport {
  DriftState state = DriftState::kLearning;
  DriftReference reference = DriftReference::kLive;
  int64_t state_s = 0;  // seconds evaluated since the state began
  DriftFeature feature = kFeatureMean;
  double level = 0;  // of the detector, as a share of its limit
  double shift = 0;  // that it estimates, in deviations, signed
  double ks = 0;     // of the last comparison
  double p = 1;
  double stability_index = 0;
  int64_t evaluated_s = 0;
  int64_t skipped_s = 0;  // without values, or in a mode that is not known
};

/// Drift of one channel, or of a model's score, from what it was: a CUSUM suspects, two tests of
/// the latest minutes against the reference confirm (a shift of the mean from about half a
/// deviation on, or a change of shape as large). Constant memory; constant time but for the
/// comparisons. Not thread-safe.
class DriftMonitor {
 public:
  explicit DriftMonitor(const DriftParameters& parameters);

  /// One second of the channel in an operating mode. Modes are learned while nothing is suspected.
  DriftState Add(int32_t mode, const FeatureValues& features);
  /// Learns a mode from recorded seconds instead: from as many as of live ones, evenly spread over
  /// them. False, and nothing is learned, where there are fewer, or the mode is known already. The
  /// modes that were not recorded are learned live all the same.
  bool LearnRecorded(int32_t mode, std::span<const FeatureValues> seconds);
  DriftState state() const { return state_; }
  /// kTraining once a mode was learned from recordings.
  DriftReference reference() const { return reference_; }
  DriftReport report() const;
  /// What comes is the new normal: after a repair, or with a new model. Recordings of before do not
  /// count from then on.
  void Relearn() {
    *this = DriftMonitor(parameters_);
    relearnt_ = true;
  }
  /// Somebody has said what is normal.
  bool relearnt() const { return relearnt_; }

  /// What was learned, and whether a drift is confirmed, for the next start. The latest minutes and
  /// the sums of the detectors are not kept: nobody knows what the channel did in between.
  std::string Serialize() const;
  /// DATA_LOSS for anything that Serialize did not give; FAILED_PRECONDITION for what was learned
  /// over another number of seconds.
  static absl::StatusOr<DriftMonitor> Parse(const DriftParameters& parameters,
                                            absl::string_view bytes);

 private:
  static constexpr int kMostReference = 1024;  // seconds, of all modes

  struct Comparison {
    double ks = 0;
    double p = 1;
    double index = 0;
  };
  /// One feature's.
  struct Track {
    explicit Track(const ShiftDetectorParameters& parameters) : detector(parameters) {}
    void SetReference(std::vector<float> values);

    ShiftDetector detector;
    std::vector<float> reference;  // sorted
    std::optional<StabilityIndex> index;
    std::vector<float> recent;  // a ring
    size_t oldest = 0;
    Comparison comparison;
  };

  void LearnSample(int32_t mode);
  bool Observe(const FeatureValues& standard);
  void Compare();
  void Become(DriftState state);
  void Decide(bool alarm);
  const Track& Worst() const;

  DriftParameters parameters_;
  FeatureStandardizer standardizer_;
  std::vector<Track> tracks_;
  DriftReference reference_ = DriftReference::kLive;
  bool relearnt_ = false;
  DriftState state_ = DriftState::kLearning;
  int64_t state_s_ = 0;
  int64_t evaluated_s_ = 0;
  int64_t skipped_s_ = 0;
};

}  // namespace millrace
