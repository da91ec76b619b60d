// SPDX-License-Identifier: Apache-2.0
// What an engine has learnt, for the next start.
#include <memory>
#include <set>
#include <utility>

#include "client/inference/engine.h"

namespace millrace {
namespace {

constexpr size_t kNoteAtATime = 8;  // machines

}  // namespace

std::map<std::string, ScoringEngine::LearntThreshold> ScoringEngine::LearntThresholds() const {
  std::map<std::string, LearntThreshold> learnt;
  for (const auto& kind : kinds_) {
    for (size_t i = 0; i < kind->thresholds.size(); ++i) {
      if (kind->learnt[i] == nullptr) continue;
      learnt[kind->config.names[i]] = {kind->model->parameters_sha256(), kind->learnt[i]};
    }
  }
  return learnt;
}

void ScoringEngine::RestoreThresholds(const std::map<std::string, LearntThreshold>& thresholds) {
  TakeUpModels();
  for (const auto& kind : kinds_) {
    for (size_t i = 0; i < kind->thresholds.size(); ++i) {
      const auto found = thresholds.find(kind->config.names[i]);
      if (found == thresholds.end()) continue;
      if (found->second.model_sha256 == kind->model->parameters_sha256()) {
        kind->thresholds[i].Restore(*found->second.bytes);
        kind->learnt[i] = found->second.bytes;
      }
    }
  }
}

DriftMemory ScoringEngine::MemoryOf(Kind& kind, size_t index) const {
  DriftMemory memory;
  if (!kind.machines.empty()) {
    for (const ChannelConfig& channel : kind.config.channels) {
      memory.channels.push_back(channel.name);
    }
    memory.drift = kind.machines[index].drift();
  }
  memory.kind = &kind.config;
  if (kind.model == nullptr) return memory;
  for (const ModeColumn& mode : kind.model->package.plan.input.modes) {
    memory.mode_columns.push_back(mode.column);
  }
  memory.modes = TextOfModes(kind.model->package.plan.input.modes);
  if (!kind.score_drift.empty()) memory.score = &kind.score_drift[index];
  memory.model_sha256 = kind.model->parameters_sha256();
  return memory;
}

/// A few machines at a time: a channel takes some ten microseconds, and samples may be waiting.
void ScoringEngine::NoteDrift() {
  size_t machines = 0;
  size_t noted = 0;
  const size_t first = note_next_;
  for (const auto& kind : kinds_) {
    if (!kind->config.drift) continue;
    for (size_t i = 0; i < kind->subjects.size(); ++i, ++machines) {
      if (machines < first || noted == kNoteAtATime) continue;
      ++noted;
      note_next_ = machines + 1;
      kind->noted_drift[i] = std::make_shared<const std::string>(SaveDrift(MemoryOf(*kind, i)));
    }
  }
  if (noted == kNoteAtATime) return;
  note_next_ = 0;  // the turn is over
  has_news_ = std::exchange(taken_up_, false) || has_news_;
}

ScoringEngine::LearntDrift ScoringEngine::NotedDrift() const {
  LearntDrift noted;
  for (const auto& kind : kinds_) {
    for (size_t i = 0; i < kind->subjects.size(); ++i) {
      if (kind->noted_drift[i] != nullptr) noted[kind->config.names[i]] = kind->noted_drift[i];
    }
  }
  return noted;
}

void ScoringEngine::RestoreDrift(const LearntDrift& drift) {
  TakeUpModels();
  for (const auto& kind : kinds_) {
    if (!kind->config.drift) continue;
    for (size_t i = 0; i < kind->subjects.size(); ++i) {
      const auto found = drift.find(kind->config.names[i]);
      if (found == drift.end()) continue;
      RecallDrift(*kind->config.drift, *found->second, MemoryOf(*kind, i));
      kind->noted_drift[i] = found->second;
    }
    for (ChannelDrift& recalled : DriftIn(*kind)) {
      recalled.recalled = true;
      drift_sink_(recalled);
    }
  }
}

std::vector<ChannelDrift> ScoringEngine::DriftIn(const Kind& kind) const {
  std::vector<ChannelDrift> drifting;
  if (!kind.config.drift) return drifting;
  const int64_t now_ns = clock_->UnixNs();
  const auto consider = [&](size_t machine, const std::string& channel, const DriftReport& report) {
    if (report.state != DriftState::kSuspected && report.state != DriftState::kConfirmed) return;
    drifting.push_back({kind.config.names[machine], channel, now_ns, report});
  };
  for (size_t i = 0; i < kind.subjects.size(); ++i) {
    for (size_t channel = 0; channel < kind.config.OwnChannels(); ++channel) {
      consider(i, kind.config.channels[channel].name,
               kind.machines[i].drift_report(static_cast<int32_t>(channel)));
    }
    if (!kind.score_drift.empty()) {
      consider(i, kScoreChannel, kind.score_drift[i].monitor(0).report());
    }
  }
  return drifting;
}

void ScoringEngine::TellForgotten(const std::vector<ChannelDrift>& before, const Kind& kind) const {
  std::set<std::pair<std::string, std::string>> still;
  for (const ChannelDrift& drift : DriftIn(kind)) still.emplace(drift.machine, drift.channel);
  for (ChannelDrift drift : before) {
    if (still.contains({drift.machine, drift.channel})) continue;
    drift.report = {};  // of one that is learning
    drift_sink_(drift);
  }
}

}  // namespace millrace
