// SPDX-License-Identifier: Apache-2.0
// How an engine comes to another model.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status.h"
#include "client/inference/engine.h"
#include "client/inference/input_check.h"

namespace millrace {

absl::Status ScoringEngine::Check(const ModelPackage& package) const {
  const std::string& name = package.manifest.name();
  bool used = false;
  for (const auto& kind : kinds_) {
    if (kind->config.model != name) continue;
    MR_RETURN_IF_ERROR(CheckInput(package.plan.input, kind->config));
    used = true;
  }
  if (!used) {
    return absl::InvalidArgumentError(
        absl::StrCat("no [[machine]] of this site has model = \"", name, "\""));
  }
  return absl::OkStatus();
}

absl::Status ScoringEngine::Use(std::shared_ptr<InstalledModel> model, size_t predictor) {
  MR_RETURN_IF_ERROR(Check(model->package));
  MR_CHECK(predictor < model->predictors.size());
  const std::string& name = model->package.manifest.name();
  const absl::MutexLock lock(&mutex_);
  next_[name] = {std::move(model), predictor};
  return absl::OkStatus();
}

size_t ScoringEngine::PredictorsFor(const std::string& name) const {
  return std::ranges::any_of(kinds_, [&](const auto& kind) { return kind->config.model == name; });
}

void ScoringEngine::TakeUpModels() {
  std::map<std::string, Next> next;
  {
    const absl::MutexLock lock(&mutex_);
    next.swap(next_);
  }
  if (next.empty()) return;
  taken_up_ = true;
  note_next_ = 0;
  for (const auto& [name, model] : next) {
    for (const auto& kind : kinds_) {
      if (kind->config.model != name) continue;
      const std::vector<ChannelDrift> drifting = DriftIn(*kind);
      const std::vector<ChannelDrift> prepared = TakeUp(model, *kind);
      TellForgotten(drifting, *kind);
      for (const ChannelDrift& drift : prepared) drift_sink_(drift);
    }
  }
}

std::vector<ChannelDrift> ScoringEngine::TakeUp(const Next& next, Kind& kind) {
  Score(kind);  // what is due was seen by the one before
  const InputPlan& input = next.model->package.plan.input;
  const InputMap map = *InputMap::Of(input, kind.config);  // Use has seen to it
  for (Machine& machine : kind.machines) machine.UseInput(&input, map);
  for (ModelWindow& window : kind.windows) window.UseInput(&input, map);
  const bool first = kind.model == nullptr;
  const std::string before = first ? "" : kind.model->parameters_sha256();
  kind.model = next.model;  // the machines have let go of the one before
  kind.predictor = next.model->predictors[next.predictor].get();
  if (!first && before == kind.model->parameters_sha256()) return {};
  std::vector<ChannelDrift> prepared;
  if (kind.config.drift) {
    const int64_t hop = kind.config.hop > 0 ? kind.config.hop : input.window;
    const double period_s = static_cast<double>(hop) / kind.config.rate_hz;
    kind.score_drift.assign(kind.subjects.size(), MachineDrift(*kind.config.drift, 1, period_s));
    prepared = TakeRecordedDrift(kind);
  }
  kind.thresholds.swap(kind.former_thresholds);
  kind.learnt.assign(kind.subjects.size(), nullptr);  // until they are adapted next
  kind.explanations.assign(kind.subjects.size(), {});
  const bool comes_back = kind.former_sha256 == kind.model->parameters_sha256();
  kind.former_sha256 = before;
  if (comes_back && !kind.thresholds.empty()) return prepared;
  kind.thresholds.clear();
  if (kind.model->package.plan.task() != Task::kReconstruction || kind.config.threshold > 0) {
    return prepared;
  }
  for (const std::string& name : kind.config.names) {
    // By its name: whatever other machines there are, a machine learns the same.
    kind.thresholds.emplace_back(kind.config.learning, Random(1).Fork(name).Next());
    const auto ahead = kind.model->thresholds.find(name);
    if (ahead == kind.model->thresholds.end()) continue;
    kind.thresholds.back().Restore(*ahead->second);
    kind.learnt[kind.thresholds.size() - 1] = ahead->second;
  }
  return prepared;
}

std::vector<ChannelDrift> ScoringEngine::TakeRecordedDrift(Kind& kind) const {
  std::vector<ChannelDrift> prepared;
  for (Machine& machine : kind.machines) {
    const auto learnt = kind.model->drift.find(machine.name());
    if (learnt == kind.model->drift.end()) continue;
    for (int32_t channel = 0; channel < machine.drift()->channels(); ++channel) {
      const DriftMonitor& recorded = learnt->second[static_cast<size_t>(channel)];
      DriftMonitor& monitor = machine.drift()->monitor(channel);
      if (recorded.reference() != DriftReference::kTraining || monitor.relearnt()) continue;
      monitor = recorded;
      ChannelDrift& drift = prepared.emplace_back();
      drift.machine = machine.name();
      drift.channel = kind.config.channels[static_cast<size_t>(channel)].name;
      drift.time_ns = clock_->UnixNs();
      drift.report = monitor.report();
      drift.prepared = true;
    }
  }
  return prepared;
}

}  // namespace millrace
