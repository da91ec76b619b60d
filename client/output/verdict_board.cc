// SPDX-License-Identifier: Apache-2.0
#include "client/output/verdict_board.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

constexpr double kMissedBeats = 3;

}  // namespace

VerdictBoard::VerdictBoard(const std::vector<MachineConfig>& machines,
                           const HeartbeatConfig& heartbeat, LiveClock* clock)
    : most_lag_ns_(static_cast<int64_t>(heartbeat.most_lag_s * kNsPerS)),
      ignore_time_(heartbeat.ignore_time),
      patience_ns_(static_cast<int64_t>(kMissedBeats * heartbeat.period_s * kNsPerS)),
      clock_(clock) {
  for (const MachineConfig& kind : machines) {
    for (const std::string& name : kind.names) {
      Entry& entry = entries_[name];
      entry.judged = !kind.model.empty();
      entry.fresh_ns = static_cast<int64_t>(kind.FreshS(heartbeat.fresh_s) * kNsPerS);
    }
  }
}

void VerdictBoard::Post(const MachineVerdict& verdict) {
  const int64_t arrived_ns = clock_->MonotonicNs() - verdict.latency_ns;
  // What was there before is freed once the lock is.
  auto posted = std::make_shared<const MachineVerdict>(verdict);
  std::shared_ptr<const MachineVerdict> alarm;
  if (verdict.judgement == Judgement::kAlarm) alarm = posted;
  const absl::MutexLock lock(&mutex_);
  Entry& entry = entries_[verdict.machine];
  entry.verdict.swap(posted);
  entry.arrived_ns = arrived_ns;
  if (alarm != nullptr) entry.last_alarm.swap(alarm);
}

bool VerdictBoard::IsOfThePresent(const Now& now, const Entry& entry) const {
  return ignore_time_ ||
         std::abs(now.unix_ns - entry.verdict->time_ns) <= entry.fresh_ns + most_lag_ns_;
}

void VerdictBoard::Beat(bool scoring_goes_on) {
  const Now now = ReadClocks();
  const absl::MutexLock lock(&mutex_);
  beaten_ = now;
  bool some = false;
  bool all = true;
  for (auto& [name, entry] : entries_) {
    entry.alive = scoring_goes_on && entry.verdict != nullptr &&
                  entry.verdict->judgement != Judgement::kNotEvaluated && IsFresh(now, entry) &&
                  IsOfThePresent(now, entry);
    if (entry.alive) ++entry.heartbeat;
    some = some || entry.alive;
    all = all && (entry.alive || !entry.judged);
  }
  alive_ = some && all;
  if (alive_) ++heartbeat_;
}

std::shared_ptr<const MachineVerdict> VerdictBoard::AsStale(const Entry& entry) {
  if (entry.verdict->judgement == Judgement::kNotEvaluated) return entry.verdict;
  auto no_news = std::make_shared<MachineVerdict>(*entry.verdict);
  no_news->judgement = Judgement::kNotEvaluated;
  no_news->reason =
      absl::StrCat("stale: no verdict on data of the last ", entry.fresh_ns / kNsPerS, " s");
  return no_news;
}

std::string VerdictBoard::WhyNotAlive(const Entry& entry, const MachineVerdict* verdict,
                                      const Now& now) const {
  if (verdict == nullptr) return "no verdict so far";
  if (verdict->judgement == Judgement::kNotEvaluated) return verdict->reason;
  if (!IsOfThePresent(now, entry)) {
    const int64_t lag_s = (now.unix_ns - verdict->time_ns) / kNsPerS;
    return absl::StrCat("its data are of ", std::abs(lag_s), " s ", lag_s < 0 ? "ahead" : "ago",
                        " by this machine's clock, more than fresh_s + most_lag_s");
  }
  return "the scoring does not go on, or did not at the last beat";
}

MachineStatus VerdictBoard::StatusOf(const std::string& machine, const Entry& entry, const Now& now,
                                     const Now& beaten) const {
  MachineStatus status;
  status.machine = machine;
  status.last_alarm = entry.last_alarm;
  status.heartbeat = entry.heartbeat;
  status.alive = entry.alive && BeatsAt(now, beaten);
  status.beaten_ns = beaten.unix_ns;
  if (entry.verdict != nullptr) {
    status.age_ns = now.ns - entry.arrived_ns;
    status.verdict = IsFresh(now, entry) ? entry.verdict : AsStale(entry);
  }
  if (!status.alive) status.why = WhyNotAlive(entry, status.verdict.get(), now);
  return status;
}

SiteStatus VerdictBoard::Site() const {
  std::map<std::string, Entry> entries;
  SiteStatus site;
  Now beaten;
  const Now now = ReadClocks();
  {
    const absl::MutexLock lock(&mutex_);
    entries = entries_;
    beaten = beaten_;
    site.heartbeat = heartbeat_;
    site.alive = alive_ && BeatsAt(now, beaten);
  }
  site.machines.reserve(entries.size());
  for (const auto& [name, entry] : entries) {
    site.machines.push_back(StatusOf(name, entry, now, beaten));
  }
  return site;
}

std::optional<MachineStatus> VerdictBoard::Of(const std::string& machine) const {
  Entry entry;
  Now beaten;
  const Now now = ReadClocks();
  {
    const absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(machine);
    if (found == entries_.end()) return std::nullopt;
    entry = found->second;
    beaten = beaten_;
  }
  return StatusOf(machine, entry, now, beaten);
}

}  // namespace millrace
