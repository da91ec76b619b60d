// SPDX-License-Identifier: Apache-2.0
// Whom an engine judges, and by whose rows.
#include <map>
#include <utility>

#include "base/check.h"
#include "client/inference/engine.h"

namespace millrace {

ScoringEngine::ScoringEngine(std::vector<MachineConfig> machines, LiveClock* clock,
                             VerdictSink sink, DriftSink drift_sink, RowSink row_sink)
    : clock_(clock),
      start_ns_(clock->MonotonicNs()),
      sink_(std::move(sink)),
      drift_sink_(std::move(drift_sink)),
      row_sink_(std::move(row_sink)) {
  size_t site_machine = 0;
  for (MachineConfig& config : machines) AddKind(std::move(config), site_machine);
  ShareRows();
}

void ScoringEngine::AddKind(MachineConfig config, size_t& site_machine) {
  auto kind = std::make_unique<Kind>();
  kind->config = std::move(config);
  const size_t count = kind->config.names.size();
  if (kind->config.channels_of.empty()) {
    kind->machines.reserve(count);  // subjects point there
    for (const std::string& name : kind->config.names) {
      for (size_t channel = 0; channel < kind->config.channels.size(); ++channel) {
        places_.push_back({kind.get(), static_cast<int32_t>(kind->machines.size()),
                           static_cast<int32_t>(channel), site_machine + kind->machines.size()});
      }
      const Machine& machine = kind->machines.emplace_back(&kind->config, name);
      kind->subjects.push_back({&machine, &machine.window()});
    }
  } else {
    kind->windows.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      kind->subjects.push_back({nullptr, &kind->windows.emplace_back(&kind->config)});
    }
  }
  kind->silent.resize(count);
  kind->explanations.resize(count);
  kind->adapted_ns.assign(count, start_ns_);
  kind->noted_drift.resize(count);
  site_machine += count;
  kinds_.push_back(std::move(kind));
}

void ScoringEngine::ShareRows() {
  std::map<std::string, Judged> owners;
  for (const auto& kind : kinds_) {
    for (size_t i = 0; i < kind->machines.size(); ++i) {
      owners[kind->config.names[i]] = {kind.get(), i};
    }
  }
  for (const auto& kind : kinds_) {
    for (size_t i = 0; i < kind->windows.size(); ++i) {
      const auto owner = owners.find(kind->config.channels_of[i]);
      MR_CHECK(owner != owners.end());
      const auto [rows, index] = owner->second;
      kind->subjects[i].rows = &rows->machines[index];
      rows->judged.resize(rows->machines.size());
      rows->judged[index].push_back({kind.get(), i});
    }
  }
}

}  // namespace millrace
