// SPDX-License-Identifier: Apache-2.0
// What an engine forgets by order.
#include <algorithm>
#include <memory>
#include <utility>

#include "client/inference/engine.h"

namespace millrace {

bool ScoringEngine::Watches(const std::string& machine) const {
  return std::ranges::any_of(kinds_, [&](const auto& kind) {
    return std::ranges::find(kind->config.names, machine) != kind->config.names.end();
  });
}

void ScoringEngine::Relearn(const RelearnOrder& order) {
  for (const auto& kind : kinds_) {
    const auto name = std::ranges::find(kind->config.names, order.machine);
    if (name == kind->config.names.end()) continue;
    const auto index = static_cast<size_t>(name - kind->config.names.begin());
    if (kind->config.drift) RelearnDrift(order, *kind, index);
    if (order.threshold) RelearnThreshold(*kind, index);
  }
}

void ScoringEngine::RelearnDrift(const RelearnOrder& order, Kind& kind, size_t index) {
  const auto relearn = [&](const std::string& channel, DriftMonitor& monitor) {
    if (!order.Covers(channel)) return;
    monitor.Relearn();
    ChannelDrift drift{order.machine, channel, clock_->UnixNs(), monitor.report()};
    drift.by = order.by;
    drift.note = order.note;
    drift_sink_(drift);
  };
  for (size_t i = 0; i < kind.config.OwnChannels(); ++i) {
    relearn(kind.config.channels[i].name,
            kind.machines[index].drift()->monitor(static_cast<int32_t>(i)));
  }
  if (!kind.score_drift.empty()) relearn(kScoreChannel, kind.score_drift[index].monitor(0));
  kind.noted_drift[index] = std::make_shared<const std::string>(SaveDrift(MemoryOf(kind, index)));
}

/// That of the model before too: it is of what the machine did before.
void ScoringEngine::RelearnThreshold(Kind& kind, size_t index) {
  if (!kind.former_thresholds.empty()) kind.former_thresholds[index].Relearn();
  if (kind.thresholds.empty()) return;
  kind.thresholds[index].Relearn();
  kind.learnt[index] = std::make_shared<const std::string>(kind.thresholds[index].Serialize());
}

}  // namespace millrace
