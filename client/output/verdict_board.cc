// SPDX-License-Identifier: Apache-2.0
#include "client/output/verdict_board.h"

namespace millrace {

void VerdictBoard::Post(const MachineVerdict& verdict) {
  const absl::MutexLock lock(&mutex_);
  last_[verdict.machine] = verdict;
  ++posted_;
}

std::vector<MachineVerdict> VerdictBoard::All() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<MachineVerdict> all;
  for (const auto& [machine, verdict] : last_) all.push_back(verdict);
  return all;
}

std::optional<MachineVerdict> VerdictBoard::Of(const std::string& machine) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = last_.find(machine);
  if (found == last_.end()) return std::nullopt;
  return found->second;
}

int64_t VerdictBoard::posted() const {
  const absl::MutexLock lock(&mutex_);
  return posted_;
}

}  // namespace millrace
