// SPDX-License-Identifier: Apache-2.0
// What a monitor has learned, as a file.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/drift/drift_monitor.h"
#include "client/drift/features.h"
#include "millrace/internal/drift_state.pb.h"

namespace millrace {
namespace {

bool IsSound(const internal::DriftState::Moments& moments, int64_t learned) {
  return moments.count() >= 0 && moments.count() <= learned && std::isfinite(moments.mean()) &&
         std::isfinite(moments.squares()) && moments.squares() >= 0;
}

bool IsSound(const internal::DriftState::Mode& mode, int64_t learn_s) {
  return mode.learned() >= 0 && mode.learned() <= learn_s &&
         mode.moments_size() == kDriftFeatures && mode.kept_size() % kDriftFeatures == 0 &&
         mode.kept_size() <= kDriftFeatures * FeatureStandardizer::kMostKept &&
         std::ranges::all_of(mode.moments(), [&](const internal::DriftState::Moments& moments) {
           return IsSound(moments, mode.learned());
         });
}

bool IsSound(const internal::DriftState::Reference& reference) {
  return std::ranges::all_of(reference.values(), [](float x) { return std::isfinite(x); }) &&
         std::ranges::is_sorted(reference.values());
}

}  // namespace

void FeatureStandardizer::Save(internal::DriftState* file) const {
  file->set_learn_s(seconds_);
  for (const auto& [number, mode] : modes_) {
    internal::DriftState::Mode* const saved = file->add_modes();
    saved->set_mode(number);
    saved->set_learned(mode.learned);
    for (const Moments& moments : mode.moments) {
      internal::DriftState::Moments* const values = saved->add_moments();
      values->set_count(moments.count);
      values->set_mean(moments.mean);
      values->set_squares(moments.squares);
    }
    for (const auto& second : mode.kept) saved->mutable_kept()->Add(second.begin(), second.end());
  }
}

absl::Status FeatureStandardizer::Restore(const internal::DriftState& file) {
  if (file.learn_s() != seconds_) {
    return absl::FailedPreconditionError(
        absl::StrCat("learned over ", file.learn_s(), " s, now ", seconds_, " s are asked for"));
  }
  std::map<int32_t, Mode> modes;
  for (const internal::DriftState::Mode& saved : file.modes()) {
    if (!IsSound(saved, seconds_) || modes.size() >= kMostModes) {
      return absl::DataLossError(absl::StrCat("mode ", saved.mode(), " cannot be as it is saved"));
    }
    Mode mode;
    mode.learned = saved.learned();
    for (int i = 0; i < kDriftFeatures; ++i) {
      const internal::DriftState::Moments& moments = saved.moments(i);
      mode.moments[i] = {moments.count(), moments.mean(), moments.squares()};
    }
    for (int i = 0; i < saved.kept_size(); i += kDriftFeatures) {
      auto& second = mode.kept.emplace_back();
      std::copy_n(saved.kept().begin() + i, kDriftFeatures, second.begin());
    }
    modes[saved.mode()] = std::move(mode);
  }
  modes_ = std::move(modes);
  return absl::OkStatus();
}

std::string DriftMonitor::Serialize() const {
  internal::DriftState file;
  standardizer_.Save(&file);
  for (const Track& track : tracks_) {
    file.add_references()->mutable_values()->Add(track.reference.begin(), track.reference.end());
  }
  file.set_drifted(state_ == DriftState::kConfirmed);
  file.set_recorded(reference_ == DriftReference::kTraining);
  file.set_relearnt(relearnt_);
  return file.SerializeAsString();
}

absl::StatusOr<DriftMonitor> DriftMonitor::Parse(const DriftParameters& parameters,
                                                 absl::string_view bytes) {
  internal::DriftState file;
  if (!file.ParseFromString(std::string(bytes))) return absl::DataLossError("no state of a drift");
  DriftMonitor monitor(parameters);
  MR_RETURN_IF_ERROR(monitor.standardizer_.Restore(file));
  if (file.references_size() != kDriftFeatures) {
    return absl::DataLossError(absl::StrCat(file.references_size(), " references"));
  }
  for (int i = 0; i < kDriftFeatures; ++i) {
    const auto& values = file.references(i).values();
    if (!IsSound(file.references(i)) || values.size() > kMostReference) {
      return absl::DataLossError("a reference that cannot be");
    }
    monitor.tracks_[i].SetReference({values.begin(), values.end()});
  }
  if (file.recorded()) monitor.reference_ = DriftReference::kTraining;
  monitor.relearnt_ = file.relearnt();
  const bool learned = std::ranges::any_of(
      file.modes(), [&](const auto& mode) { return monitor.standardizer_.Knows(mode.mode()); });
  if (learned) monitor.state_ = file.drifted() ? DriftState::kConfirmed : DriftState::kStable;
  return monitor;
}

}  // namespace millrace
