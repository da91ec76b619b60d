// SPDX-License-Identifier: Apache-2.0
#include "client/inference/adaptive_threshold.h"

#include <algorithm>
#include <cmath>

#include "base/status.h"
#include "millrace/internal/threshold.pb.h"

namespace millrace {
namespace {

/// Chance alarms that may come at once, and how much faster than the wanted rate this is restored:
/// chance seldom exhausts it, and a threshold that is too low still learns from most of its alarms.
constexpr double kMostCredit = 3;
constexpr double kRestored = 3;

// Of the scores as they are saved: the fit asks for the highest 2 % and for how many there are.
constexpr double kSavedTail = 0.05;
constexpr size_t kSavedBulk = 250;

/// The score that a share of them lies beyond.
double UpperQuantile(std::span<const float> scores, double share) {
  std::vector<float> sorted(scores.begin(), scores.end());
  const auto beyond = static_cast<std::ptrdiff_t>(share * static_cast<double>(sorted.size()));
  const auto at = sorted.end() - 1 - std::min<std::ptrdiff_t>(beyond, std::ssize(sorted) - 1);
  std::nth_element(sorted.begin(), at, sorted.end());
  return *at;
}

}  // namespace

absl::StatusOr<AdaptiveThreshold> AdaptiveThreshold::Calibrate(const Parameters& parameters,
                                                               std::span<const float> scores,
                                                               uint64_t seed) {
  MR_ASSIGN_OR_RETURN(const ThresholdFit fit, FitThreshold(scores, parameters.rate));
  AdaptiveThreshold threshold(parameters, seed);
  threshold.floor_ = UpperQuantile(scores, 0.5);
  if (fit.value <= threshold.floor_) {
    return absl::FailedPreconditionError("most of the scores are the same");
  }
  std::vector<float> shuffled(scores.begin(), scores.end());
  threshold.random_.Shuffle(std::span(shuffled));
  shuffled.resize(std::min(shuffled.size(), static_cast<size_t>(parameters.capacity)));
  threshold.scores_ = std::move(shuffled);
  threshold.credit_ = kMostCredit;
  threshold.MoveTo(fit.value);
  return threshold;
}

void AdaptiveThreshold::Keep(float score) {
  const auto capacity = static_cast<size_t>(parameters_.capacity);
  if (scores_.size() < capacity) {
    scores_.push_back(score);
  } else if (random_.Uniform() * parameters_.memory < static_cast<double>(capacity)) {
    scores_[random_.Below(capacity)] = score;
  }
}

/// Where the tail is exponential, a tenth of the alarms that chance brings are beyond what is
/// plausible.
void AdaptiveThreshold::MoveTo(double value) {
  value_ = value;
  const double tenfold = UpperQuantile(scores_, std::min(10 * parameters_.rate, 0.5));
  plausible_ = value_ + std::max(0.0, value_ - tenfold);
}

/// Whether it learns is decided by what came before, so that what it learns is no selection:
/// neither tail nor bulk is missing.
void AdaptiveThreshold::Observe(float score) {
  if (!std::isfinite(score)) return;
  const bool learns = credit_ >= 1;
  if (!IsAlarm(score)) {
    credit_ = std::min(credit_ + kRestored * parameters_.rate, kMostCredit);
    if (learns) Keep(score);
  } else if (learns) {
    credit_ -= 1;
    Keep(static_cast<float>(std::min<double>(score, plausible_)));
  } else {
    credit_ = 0;  // more than chance brings: an episode, and it has to be over first
  }
}

absl::StatusOr<ThresholdFit> AdaptiveThreshold::Adapt(absl::Duration elapsed) {
  MR_ASSIGN_OR_RETURN(const ThresholdFit fit, FitThreshold(scores_, parameters_.rate));
  const double days = std::clamp(absl::FDivDuration(elapsed, absl::Hours(24)), 0.0, 1.0);
  const double most = std::pow(parameters_.most_per_day, days);
  const double height = value_ - floor_;
  MoveTo(floor_ + std::clamp(fit.value - floor_, height / most, height * most));
  return fit;
}

std::string AdaptiveThreshold::Serialize() const {
  internal::LearntThreshold file;
  file.set_value(value_);
  file.set_floor(floor_);
  file.set_plausible(plausible_);
  file.set_credit(credit_);
  const double share = std::max(kSavedTail, 1.25 * parameters_.rate);
  const double cut = UpperQuantile(scores_, std::min(share, 1.0));
  for (const float score : scores_) {
    if (score > cut) {
      file.add_scores(score);
      continue;
    }
    file.set_bulk(file.bulk() + 1);
    // Their order is random.
    if (static_cast<size_t>(file.bulk_sample_size()) < kSavedBulk) file.add_bulk_sample(score);
  }
  return file.SerializeAsString();
}

absl::StatusOr<AdaptiveThreshold> AdaptiveThreshold::Parse(const Parameters& parameters,
                                                           absl::string_view bytes, uint64_t seed) {
  internal::LearntThreshold file;
  if (!file.ParseFromString(std::string(bytes))) {
    return absl::DataLossError("not a learnt threshold");
  }
  const auto finite = [](float x) { return std::isfinite(x); };
  const bool sound =
      std::isfinite(file.value()) && std::isfinite(file.floor()) &&
      std::isfinite(file.plausible()) && file.value() > file.floor() &&
      file.plausible() >= file.value() && file.credit() >= 0 && file.credit() <= kMostCredit &&
      file.bulk() >= 0 && file.scores_size() + file.bulk() > 0 &&
      (file.bulk() == 0 || !file.bulk_sample().empty()) &&
      std::ranges::all_of(file.scores(), finite) && std::ranges::all_of(file.bulk_sample(), finite);
  if (!sound) return absl::DataLossError("a learnt threshold that cannot be");
  AdaptiveThreshold threshold(parameters, seed);
  threshold.value_ = file.value();
  threshold.floor_ = file.floor();
  threshold.plausible_ = file.plausible();
  threshold.credit_ = file.credit();
  const auto kept = std::min<int64_t>(file.scores_size(), parameters.capacity);
  threshold.scores_.assign(file.scores().begin(), file.scores().begin() + kept);
  const int64_t bulk = std::min(file.bulk(), parameters.capacity - kept);
  for (int64_t i = 0; i < bulk; ++i) {
    threshold.scores_.push_back(file.bulk_sample(static_cast<int>(i % file.bulk_sample_size())));
  }
  return threshold;
}

}  // namespace millrace
