// SPDX-License-Identifier: Apache-2.0
#include "client/drift/drift_monitor.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace millrace {
namespace {

/// One second cannot count for more than this, whatever happened in it.
constexpr double kMostDeviations = 4;
constexpr size_t kLeastCompared = 50;  // values on either side

}  // namespace

const char* NameOf(DriftState state) {
  switch (state) {
    case DriftState::kLearning:
      return "learning";
    case DriftState::kStable:
      return "stable";
    case DriftState::kSuspected:
      return "suspected";
    case DriftState::kConfirmed:
      return "confirmed";
  }
  MR_CHECK(false);
}

const char* NameOf(DriftReference reference) {
  return reference == DriftReference::kTraining ? "training" : "live";
}

DriftMonitor::DriftMonitor(const DriftParameters& parameters)
    : parameters_(parameters), standardizer_(parameters.learn_s) {
  // The run length grows as exp(2 k h), so this leaves the channel the false alarms of one CUSUM.
  ShiftDetectorParameters each = parameters.detector;
  each.cusum.h += std::log(static_cast<double>(kDriftFeatures)) / (2 * each.cusum.k);
  tracks_.assign(kDriftFeatures, Track(each));
}

DriftState DriftMonitor::Add(int32_t mode, const FeatureValues& features) {
  const bool learns = state_ == DriftState::kLearning || state_ == DriftState::kStable;
  if (!standardizer_.Knows(mode)) {
    ++skipped_s_;
    if (learns && standardizer_.Learn(mode, features)) {
      LearnSample(mode);
      if (state_ == DriftState::kLearning) Become(DriftState::kStable);
    }
    return state_;
  }
  if (!std::isfinite(features[kFeatureMean])) {
    ++skipped_s_;
    return state_;
  }
  ++evaluated_s_;
  ++state_s_;
  const bool alarm = Observe(*standardizer_.Standardize(mode, features));
  Decide(alarm);
  return state_;
}

bool DriftMonitor::LearnRecorded(int32_t mode, std::span<const FeatureValues> seconds) {
  std::vector<FeatureValues> usable;
  std::ranges::copy_if(seconds, std::back_inserter(usable), [](const FeatureValues& second) {
    return std::isfinite(second[kFeatureMean]);
  });
  const int64_t wanted = parameters_.learn_s;
  if (std::ssize(usable) < wanted || standardizer_.Knows(mode)) return false;
  for (int64_t i = 0; i < wanted; ++i) {
    const int64_t at = i * std::ssize(usable) / wanted;
    if (standardizer_.Learn(mode, usable[static_cast<size_t>(at)])) LearnSample(mode);
  }
  if (!standardizer_.Knows(mode)) return false;  // there are too many
  reference_ = DriftReference::kTraining;
  if (state_ == DriftState::kLearning) Become(DriftState::kStable);
  return true;
}

void DriftMonitor::Track::SetReference(std::vector<float> values) {
  reference = std::move(values);
  std::sort(reference.begin(), reference.end());
  if (reference.size() >= kLeastCompared) index.emplace(reference);
}

void DriftMonitor::LearnSample(int32_t mode) {
  const std::vector<FeatureValues> sample = standardizer_.TakeSample(mode);
  for (int i = 0; i < kDriftFeatures; ++i) {
    std::vector<float> reference = std::move(tracks_[i].reference);
    for (const FeatureValues& second : sample) {
      if (std::isfinite(second[i]) && std::ssize(reference) < kMostReference) {
        reference.push_back(static_cast<float>(second[i]));
      }
    }
    tracks_[i].SetReference(std::move(reference));
  }
}

/// True if a detector alarms.
bool DriftMonitor::Observe(const FeatureValues& standard) {
  bool alarm = false;
  for (int i = 0; i < kDriftFeatures; ++i) {
    if (!std::isfinite(standard[i])) continue;
    Track& track = tracks_[i];
    const double value = std::clamp(standard[i], -kMostDeviations, kMostDeviations);
    alarm = track.detector.Add(value) || alarm;
    // The comparison takes values as they are: its tests do not mind how far off one is.
    if (track.recent.size() < static_cast<size_t>(parameters_.recent_s)) {
      track.recent.push_back(static_cast<float>(standard[i]));
    } else {
      track.recent[track.oldest] = static_cast<float>(standard[i]);
      track.oldest = (track.oldest + 1) % track.recent.size();
    }
  }
  return alarm;
}

void DriftMonitor::Compare() {
  for (Track& track : tracks_) {
    track.comparison = {};
    if (!track.index || track.recent.size() < kLeastCompared) continue;
    std::vector<float> sorted = track.recent;
    std::sort(sorted.begin(), sorted.end());
    Comparison& comparison = track.comparison;
    comparison.ks = KolmogorovSmirnov(track.reference, sorted);
    comparison.p = KolmogorovSmirnovP(comparison.ks, static_cast<int64_t>(track.reference.size()),
                                      static_cast<int64_t>(sorted.size()));
    comparison.index = track.index->Of(sorted);
  }
}

void DriftMonitor::Become(DriftState state) {
  state_ = state;
  state_s_ = 0;
  if (state == DriftState::kStable) {
    for (Track& track : tracks_) track.detector.Reset();
  }
}

void DriftMonitor::Decide(bool alarm) {
  if (state_ == DriftState::kStable) {
    if (!alarm) return;
    Become(DriftState::kSuspected);
  } else if (state_s_ % parameters_.check_s != 0) {
    return;
  }
  Compare();
  const auto differs = [&](const Track& track) {
    return track.comparison.p < parameters_.confirm_p &&
           track.comparison.index > parameters_.confirm_index;
  };
  const auto same = [&](const Track& track) {
    return track.comparison.index < parameters_.clear_index;
  };
  if (state_ == DriftState::kSuspected) {
    if (std::ranges::any_of(tracks_, differs)) {
      Become(DriftState::kConfirmed);
    } else if (state_s_ >= parameters_.doubt_s) {
      Become(DriftState::kStable);
    }
  } else if (state_s_ >= parameters_.recent_s && std::ranges::all_of(tracks_, same)) {
    Become(DriftState::kStable);
  }
}

const DriftMonitor::Track& DriftMonitor::Worst() const {
  return *std::ranges::max_element(tracks_, {},
                                   [](const Track& track) { return track.detector.level(); });
}

DriftReport DriftMonitor::report() const {
  const Track& worst = Worst();
  DriftReport report;
  report.state = state_;
  report.reference = reference_;
  report.state_s = state_s_;
  report.feature = static_cast<DriftFeature>(&worst - tracks_.data());
  report.level = worst.detector.level();
  report.shift = worst.detector.ShiftEstimate();
  report.ks = worst.comparison.ks;
  report.p = worst.comparison.p;
  report.stability_index = worst.comparison.index;
  report.evaluated_s = evaluated_s_;
  report.skipped_s = skipped_s_;
  return report;
}

}  // namespace millrace
