// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine_threshold.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "millrace/internal/threshold.pb.h"

namespace millrace {
namespace {

constexpr size_t kMostKept = 100'000;  // scores from which no threshold could be made

AdaptiveThreshold::Parameters Wanted(const MachineThreshold::Parameters& parameters) {
  AdaptiveThreshold::Parameters wanted;
  wanted.rate = parameters.rate;
  return wanted;
}

bool IsLearning(const internal::LearntThreshold& file) {
  const auto finite = [](float score) { return std::isfinite(score); };
  return static_cast<size_t>(file.first_size()) <= kMostKept &&
         std::ranges::all_of(file.first(), finite);
}

}  // namespace

void MachineThreshold::Restore(absl::string_view bytes) {
  absl::StatusOr<AdaptiveThreshold> restored =
      AdaptiveThreshold::Parse(Wanted(parameters_), bytes, seed_);
  if (restored.ok()) {
    adaptive_ = *std::move(restored);
    return;
  }
  internal::LearntThreshold file;
  if (!file.ParseFromString(std::string(bytes)) || !IsLearning(file)) return;
  first_.assign(file.first().begin(), file.first().end());
}

std::string MachineThreshold::Serialize() const {
  if (adaptive_) return adaptive_->Serialize();
  internal::LearntThreshold file;
  file.mutable_first()->Add(first_.begin(), first_.end());
  return file.SerializeAsString();
}

void MachineThreshold::Relearn() {
  first_.clear();
  enough_ = parameters_.learn_windows;
  why_not_yet_.clear();
  adaptive_.reset();
}

void MachineThreshold::Observe(float score) {
  if (adaptive_) {
    adaptive_->Observe(score);
    return;
  }
  if (std::isfinite(score) && first_.size() < kMostKept) first_.push_back(score);
}

void MachineThreshold::Adapt(absl::Duration elapsed) {
  if (adaptive_) {
    // Too few scores now that were enough before: it stays where it is.
    adaptive_->Adapt(elapsed).status().IgnoreError();
    return;
  }
  if (static_cast<int64_t>(first_.size()) < enough_) return;
  absl::StatusOr<AdaptiveThreshold> calibrated =
      AdaptiveThreshold::Calibrate(Wanted(parameters_), first_, seed_);
  if (calibrated.ok()) {
    adaptive_ = *std::move(calibrated);
    first_ = {};
    return;
  }
  why_not_yet_ = std::string(calibrated.status().message());
  if (first_.size() >= kMostKept) {
    first_.erase(first_.begin(), first_.begin() + static_cast<int64_t>(first_.size() / 2));
  }
  enough_ = static_cast<int64_t>(std::min(2 * first_.size(), kMostKept));
}

std::optional<double> MachineThreshold::value() const {
  if (!adaptive_) return std::nullopt;
  return adaptive_->value();
}

std::string MachineThreshold::Progress() const {
  if (!why_not_yet_.empty()) return why_not_yet_;
  return absl::StrCat(first_.size(), " of ", parameters_.learn_windows, " windows seen");
}

}  // namespace millrace
