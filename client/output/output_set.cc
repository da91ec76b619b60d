// SPDX-License-Identifier: Apache-2.0
#include "client/output/output_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {

OutputSet::~OutputSet() {
  std::vector<Ended> ended;
  EndAllBut({}, ended);
  TellLost(ended);
}

void OutputSet::EndAllBut(const std::vector<OutputConfig>& configs, std::vector<Ended>& ended) {
  std::vector<Running> gone;
  {
    const absl::MutexLock lock(&mutex_);
    for (auto running = running_.begin(); running != running_.end();) {
      const bool stays = std::ranges::find(configs, running->second.config) != configs.end();
      if (!stays) gone.push_back(std::move(running->second));
      running = stays ? std::next(running) : running_.erase(running);
    }
  }
  for (Running& running : gone) {
    // Without the lock: a good-bye takes its time.
    std::vector<Backlog::Message> waiting = running.output->GiveUp();
    running.output = nullptr;
    LogInfo("output stopped", {{"output", running.config.name}});
    ended.push_back({std::move(running.config), std::move(waiting)});
  }
}

absl::Status OutputSet::Open(const OutputConfig& config, std::vector<Ended>& ended) {
  absl::StatusOr<std::unique_ptr<Output>> output = factory_(config);
  if (!output.ok()) return Annotate(output.status(), absl::StrCat("[[output]] ", config.name));
  for (Ended& before : ended) {
    if (before.waiting.empty() || !TakesOver(before.config, config)) continue;
    (*output)->TakeOver(std::exchange(before.waiting, {}));
  }
  LogInfo("output started", {{"output", config.name}});
  const absl::MutexLock lock(&mutex_);
  running_[config.name] = {config, *std::move(output)};
  return absl::OkStatus();
}

void OutputSet::TellLost(const std::vector<Ended>& ended) {
  for (const Ended& output : ended) {
    if (output.waiting.empty()) continue;
    LogWarning("verdicts are not published any more",
               {{"output", output.config.name}, {"verdicts", output.waiting.size()}});
  }
}

std::vector<OutputConfig> OutputSet::Configs() const {
  const absl::ReaderMutexLock lock(&mutex_);
  std::vector<OutputConfig> configs;
  for (const auto& [name, running] : running_) configs.push_back(running.config);
  return configs;
}

absl::Status OutputSet::Reconfigure(const std::vector<OutputConfig>& configs) {
  const absl::MutexLock changing(&changing_);
  std::vector<Ended> ended;
  const absl::Status changed = Change(configs, ended);
  TellLost(ended);
  return changed;
}

absl::Status OutputSet::Change(const std::vector<OutputConfig>& configs,
                               std::vector<Ended>& ended) {
  const std::vector<OutputConfig> before = Configs();
  // First, since what is new may want the address or the topics of what goes.
  EndAllBut(configs, ended);
  std::vector<OutputConfig> gone;
  for (const Ended& was : ended) gone.push_back(was.config);
  for (const OutputConfig& config : configs) {
    if (std::ranges::find(before, config) != before.end()) continue;
    const absl::Status opened = Open(config, ended);
    if (opened.ok()) continue;
    EndAllBut(before, ended);
    for (const OutputConfig& was : gone) {
      const absl::Status back = Open(was, ended);
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
