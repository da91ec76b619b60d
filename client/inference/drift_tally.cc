// SPDX-License-Identifier: Apache-2.0
#include "client/inference/drift_tally.h"

#include <algorithm>
#include <cmath>

#include "client/live/live_clock.h"

namespace millrace {

DriftTally::DriftTally(const std::vector<MachineConfig>& machines) {
  const absl::MutexLock lock(&mutex_);
  for (const MachineConfig& config : machines) {
    if (!config.drift || config.model.empty()) continue;
    for (size_t i = 0; i < config.names.size(); ++i) {
      models_of_[config.names[i]].own = config.model;
      const bool is_new = models_of_[config.RowsOf(i)].of_rows.insert(config.model).second;
      if (is_new) models_[config.model].channels += std::ssize(config.channels);
    }
  }
}

void DriftTally::Take(const ChannelDrift& drift, int64_t now_ns) {
  const auto models = models_of_.find(drift.machine);
  if (models == models_of_.end()) return;
  const absl::MutexLock lock(&mutex_);
  if (drift.channel == kScoreChannel) return Take(drift, now_ns, models_[models->second.own]);
  for (const std::string& model : models->second.of_rows) Take(drift, now_ns, models_[model]);
}

void DriftTally::Take(const ChannelDrift& drift, int64_t now_ns, Model& model) {
  if (drift.report.state != DriftState::kConfirmed) {
    model.drifting.erase({drift.machine, drift.channel});
    return;
  }
  const double level = drift.report.level;
  model.drifting.try_emplace({drift.machine, drift.channel},
                             Confirmed{now_ns, std::isfinite(level) ? std::max(level, 0.0) : 0});
}

std::optional<v1::ModelDrift> DriftTally::Of(const std::string& model, int64_t now_ns) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = models_.find(model);
  if (found == models_.end()) return std::nullopt;
  v1::ModelDrift told;
  told.set_name(model);
  told.set_channels_watched(found->second.channels);
  int64_t channels = 0;
  for (const auto& [place, confirmed] : found->second.drifting) {
    if (place.second == kScoreChannel) {
      told.set_score_in_drift(true);
    } else {
      ++channels;
    }
    told.set_level(std::max(told.level(), confirmed.level));
    told.set_lasts_s(std::max(told.lasts_s(), (now_ns - confirmed.since_ns) / kNsPerS));
  }
  told.set_channels_in_drift(channels);
  return told;
}

}  // namespace millrace
