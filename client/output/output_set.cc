// SPDX-License-Identifier: Apache-2.0
#include "client/output/output_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {

OutputSet::~OutputSet() {
  HaltAllBut({});
  EndLeaving();
}

void OutputSet::HaltAllBut(const std::vector<OutputConfig>& configs) {
  // Stay where they are: only a change, of which there is one at a time, ends an output.
  std::vector<const Running*> going;
  {
    const absl::ReaderMutexLock lock(&mutex_);
    for (const auto& [name, running] : running_) {
      if (std::ranges::find(configs, running.config) == configs.end()) {
        going.push_back(&running);
      }
    }
  }
  // Without the lock, and while it is told on: a good-bye takes its time.
  std::vector<std::string> names;
  for (const Running* const running : going) {
    running->output->Halt();
    LogInfo("output stopped", {{"output", running->config.name}});
    names.push_back(running->config.name);
  }
  std::vector<Running> gone;  // ends once the lock is let go
  const absl::MutexLock lock(&mutex_);
  for (const std::string& name : names) {
    Running& running = running_.at(name);
    const bool may_wait = TakesOver(running.config, running.config);
    (may_wait ? leaving_ : gone).push_back(std::move(running));
    running_.erase(name);
  }
}

absl::Status OutputSet::Open(const OutputConfig& config) {
  absl::StatusOr<std::unique_ptr<Output>> output = factory_(config);
  if (!output.ok()) return Annotate(output.status(), absl::StrCat("[[output]] ", config.name));
  LogInfo("output started", {{"output", config.name}});
  const absl::MutexLock lock(&mutex_);
  const auto left = std::stable_partition(
      leaving_.begin(), leaving_.end(),
      [&](const Running& before) { return !TakesOver(before.config, config); });
  for (auto before = left; before != leaving_.end(); ++before) {
    (*output)->TakeOver(before->output->GiveUp());
  }
  leaving_.erase(left, leaving_.end());
  running_[config.name] = {config, *std::move(output)};
  return absl::OkStatus();
}

void OutputSet::EndLeaving() {
  std::vector<Running> leaving;
  {
    const absl::MutexLock lock(&mutex_);
    leaving.swap(leaving_);
  }
  for (const Running& output : leaving) {
    const size_t waiting = output.output->GiveUp().size();
    if (waiting == 0) continue;
    LogWarning("verdicts are not published any more",
               {{"output", output.config.name}, {"verdicts", waiting}});
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
  const absl::Status changed = Change(configs);
  EndLeaving();
  return changed;
}

absl::Status OutputSet::Change(const std::vector<OutputConfig>& configs) {
  const std::vector<OutputConfig> before = Configs();
  // First, since what is new may want the address or the topics of what goes.
  HaltAllBut(configs);
  for (const OutputConfig& config : configs) {
    if (std::ranges::find(before, config) != before.end()) continue;
    const absl::Status opened = Open(config);
    if (opened.ok()) continue;
    HaltAllBut(before);
    for (const OutputConfig& was : before) {
      if (std::ranges::find(configs, was) != configs.end()) continue;
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
  for (const Running& leaving : leaving_) leaving.output->Take(verdict);
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
