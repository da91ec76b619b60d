// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/run_progress.h"

#include <map>

namespace millrace {

std::vector<RunNews> RunProgress::Take(const v1::Run& run) {
  std::vector<RunNews> news;
  for (const v1::Round& round : run.history()) {
    const Attempt attempt(round.round(), round.attempt());
    if (ended_.contains(attempt)) continue;
    // Protocol Buffers' maps have no order of their own.
    for (const auto& [site, reason] :
         std::map<std::string, std::string>(round.failures().begin(), round.failures().end())) {
      if (failures_.emplace(attempt, site, reason).second) {
        news.push_back(SiteFailure{round, site, reason});
      }
    }
    if (round.phase() == v1::ROUND_PHASE_COMMITTED || round.phase() == v1::ROUND_PHASE_ABANDONED) {
      ended_.insert(attempt);
      news.push_back(RoundEnded{round});
    }
  }
  return news;
}

bool HasEnded(const v1::Run& run) {
  return run.phase() == v1::RUN_PHASE_FINISHED || run.phase() == v1::RUN_PHASE_FAILED ||
         run.phase() == v1::RUN_PHASE_STOPPED;
}

const v1::Round* OpenRound(const v1::Run& run) {
  if (run.history().empty()) return nullptr;
  const v1::Round& last = *run.history().rbegin();
  const bool open = last.phase() == v1::ROUND_PHASE_OPEN || last.phase() == v1::ROUND_PHASE_CLOSED;
  return open ? &last : nullptr;
}

}  // namespace millrace
