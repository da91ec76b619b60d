// SPDX-License-Identifier: Apache-2.0
#include "client/output/output_set.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {

OutputSet::~OutputSet() { EndAllBut({}); }

std::vector<OutputConfig> OutputSet::EndAllBut(const std::vector<OutputConfig>& configs) {
  std::vector<Running> gone;
  {
    const absl::MutexLock lock(&mutex_);
    for (auto running = running_.begin(); running != running_.end();) {
      const bool stays = std::ranges::find(configs, running->second.config) != configs.end();
      if (!stays) gone.push_back(std::move(running->second));
      running = stays ? std::next(running) : running_.erase(running);
    }
  }
  std::vector<OutputConfig> ended;
  for (Running& running : gone) {
    running.output = nullptr;  // without the lock: a good-bye takes its time
    LogInfo("output stopped", {{"output", running.config.name}});
    ended.push_back(std::move(running.config));
  }
  return ended;
}

absl::Status OutputSet::Open(const OutputConfig& config) {
  absl::StatusOr<std::unique_ptr<Output>> output = factory_(config);
  if (!output.ok()) return Annotate(output.status(), absl::StrCat("[[output]] ", config.name));
  LogInfo("output started", {{"output", config.name}});
  const absl::MutexLock lock(&mutex_);
  running_[config.name] = {config, *std::move(output)};
  return absl::OkStatus();
}

std::vector<OutputConfig> OutputSet::Configs() const {
  const absl::ReaderMutexLock lock(&mutex_);
  std::vector<OutputConfig> configs;
  for (const auto& [name, running] : running_) configs.push_back(running.config);
  return configs;
}

absl::Status OutputSet::Reconfigure(const std::vector<OutputConfig>& configs) {
  const absl::MutexLock changing(&changing_);
  const std::vector<OutputConfig> before = Configs();
  // First, since what is new may want the address or the topics of what goes.
  const std::vector<OutputConfig> gone = EndAllBut(configs);
  for (const OutputConfig& config : configs) {
    if (std::ranges::find(before, config) != before.end()) continue;
    const absl::Status opened = Open(config);
    if (opened.ok()) continue;
    EndAllBut(before);
    for (const OutputConfig& was : gone) {
      const absl::Status back = Open(was);
      if (!back.ok()) LogError("output is not back", {{"reason", back.message()}});
    }
    return opened;
  }
  return absl::OkStatus();
}

void OutputSet::Take(const MachineVerdict& verdict) const {
  const absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [name, running] : running_) running.output->Take(verdict);
}

void OutputSet::Beat(const VerdictBoard& board) const {
  const absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [name, running] : running_) running.output->Beat(board);
}

std::map<std::string, OutputStatus> OutputSet::Statuses() const {
  const absl::ReaderMutexLock lock(&mutex_);
  std::map<std::string, OutputStatus> statuses;
  for (const auto& [name, running] : running_) statuses[name] = running.output->Status();
  return statuses;
}

}  // namespace millrace
