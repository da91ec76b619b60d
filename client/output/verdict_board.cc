// SPDX-License-Identifier: Apache-2.0
#include "client/output/verdict_board.h"

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

constexpr double kMissedBeats = 3;

}  // namespace

VerdictBoard::VerdictBoard(const std::vector<MachineConfig>& machines,
                           const HeartbeatConfig& heartbeat, LiveClock* clock)
    : fresh_ns_(static_cast<int64_t>(heartbeat.fresh_s * kNsPerS)),
      patience_ns_(static_cast<int64_t>(kMissedBeats * heartbeat.period_s * kNsPerS)),
      clock_(clock) {
  for (const MachineConfig& kind : machines) {
    for (const std::string& name : kind.names) entries_[name].judged = !kind.model.empty();
  }
}

void VerdictBoard::Post(const MachineVerdict& verdict) {
  const int64_t arrived_ns = clock_->MonotonicNs() - verdict.latency_ns;
  const absl::MutexLock lock(&mutex_);
  Entry& entry = entries_[verdict.machine];
  entry.verdict = verdict;
  entry.arrived_ns = arrived_ns;
  if (verdict.judgement == Judgement::kAlarm) entry.last_alarm = verdict;
}

void VerdictBoard::Beat(bool scoring_goes_on) {
  const int64_t now_ns = clock_->MonotonicNs();
  const absl::MutexLock lock(&mutex_);
  beaten_ns_ = now_ns;
  bool some = false;
  bool all = true;
  for (auto& [name, entry] : entries_) {
    entry.alive = scoring_goes_on && entry.verdict &&
                  entry.verdict->judgement != Judgement::kNotEvaluated &&
                  now_ns - entry.arrived_ns <= fresh_ns_;
    if (entry.alive) ++entry.heartbeat;
    some = some || entry.alive;
    all = all && (entry.alive || !entry.judged);
  }
  alive_ = some && all;
  if (alive_) ++heartbeat_;
}

MachineStatus VerdictBoard::StatusOf(const std::string& machine, const Entry& entry,
                                     int64_t now_ns) const {
  MachineStatus status;
  status.machine = machine;
  status.verdict = entry.verdict;
  status.last_alarm = entry.last_alarm;
  status.heartbeat = entry.heartbeat;
  status.alive = entry.alive && BeatsAt(now_ns);
  if (!entry.verdict) return status;
  status.age_ns = now_ns - entry.arrived_ns;
  if (status.age_ns > fresh_ns_ && entry.verdict->judgement != Judgement::kNotEvaluated) {
    status.verdict->judgement = Judgement::kNotEvaluated;
    status.verdict->reason =
        absl::StrCat("stale: no verdict on data of the last ", fresh_ns_ / kNsPerS, " s");
  }
  return status;
}

SiteStatus VerdictBoard::Site() const {
  const int64_t now_ns = clock_->MonotonicNs();
  const absl::MutexLock lock(&mutex_);
  SiteStatus site{heartbeat_, alive_ && BeatsAt(now_ns), {}};
  for (const auto& [name, entry] : entries_) {
    site.machines.push_back(StatusOf(name, entry, now_ns));
  }
  return site;
}

std::optional<MachineStatus> VerdictBoard::Of(const std::string& machine) const {
  const int64_t now_ns = clock_->MonotonicNs();
  const absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(machine);
  if (found == entries_.end()) return std::nullopt;
  return StatusOf(machine, found->second, now_ns);
}

}  // namespace millrace
