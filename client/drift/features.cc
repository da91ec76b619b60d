// SPDX-License-Identifier: Apache-2.0
#include "client/drift/features.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace millrace {
namespace {

constexpr int64_t kLeastForSpread = 4;
// A spread below this share of the mean is what rounding leaves behind.
constexpr double kRounding = 1e-7;

}  // namespace

FeatureExtractor::FeatureExtractor(double period_s)
    : per_second_(std::max<int64_t>(1, std::llround(1 / period_s))) {}

std::optional<FeatureValues> FeatureExtractor::Add(float value) {
  ++seen_;
  if (std::isfinite(value)) {
    ++used_;
    const double off = value - mean_;
    mean_ += off / static_cast<double>(used_);
    squares_ += off * (value - mean_);
  }
  if (seen_ < per_second_) return std::nullopt;
  FeatureValues features = kNoFeatures;
  if (2 * used_ >= per_second_) {
    features[kFeatureMean] = mean_;
    if (used_ >= kLeastForSpread) {
      features[kFeatureSpread] = std::cbrt(squares_ / static_cast<double>(used_ - 1));
    }
  }
  seen_ = 0;
  used_ = 0;
  mean_ = 0;
  squares_ = 0;
  return features;
}

bool FeatureStandardizer::Knows(int32_t mode) const {
  const auto found = modes_.find(mode);
  return found != modes_.end() && found->second.learned >= seconds_;
}

bool FeatureStandardizer::Learn(int32_t mode, const FeatureValues& features) {
  if (!std::isfinite(features[kFeatureMean])) return false;
  if (modes_.size() >= kMostModes && !modes_.contains(mode)) return false;
  Mode& learning = modes_[mode];
  if (learning.learned >= seconds_) return false;
  for (int i = 0; i < kDriftFeatures; ++i) {
    if (!std::isfinite(features[i])) continue;
    Moments& moments = learning.moments[i];
    ++moments.count;
    const double off = features[i] - moments.mean;
    moments.mean += off / static_cast<double>(moments.count);
    moments.squares += off * (features[i] - moments.mean);
  }
  const int64_t stride = std::max<int64_t>(1, (seconds_ + kMostKept - 1) / kMostKept);
  if (learning.learned % stride == 0) {
    learning.kept.push_back(
        {static_cast<float>(features[kFeatureMean]), static_cast<float>(features[kFeatureSpread])});
  }
  return ++learning.learned == seconds_;
}

std::optional<FeatureValues> FeatureStandardizer::Standardize(int32_t mode,
                                                              const FeatureValues& features) const {
  if (!Knows(mode)) return std::nullopt;
  const Mode& known = modes_.at(mode);
  FeatureValues standard = kNoFeatures;
  for (int i = 0; i < kDriftFeatures; ++i) {
    const Moments& moments = known.moments[i];
    if (moments.count < 2 || 2 * moments.count < known.learned) continue;
    const double deviation = std::sqrt(moments.squares / static_cast<double>(moments.count - 1));
    if (deviation <= kRounding * std::abs(moments.mean)) continue;
    standard[i] = (features[i] - moments.mean) / deviation;
  }
  return standard;
}

std::vector<FeatureValues> FeatureStandardizer::TakeSample(int32_t mode) {
  std::vector<FeatureValues> sample;
  for (const auto& kept : std::exchange(modes_.at(mode).kept, {})) {
    sample.push_back(*Standardize(mode, {kept[kFeatureMean], kept[kFeatureSpread]}));
  }
  return sample;
}

}  // namespace millrace
