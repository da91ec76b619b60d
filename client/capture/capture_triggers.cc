// SPDX-License-Identifier: Apache-2.0
#include "client/capture/capture_triggers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

constexpr double kNsOfADay = 86'400e9;
constexpr double kSecondInNs = 1e9;

std::string ReasonOf(const MachineVerdict& verdict) {
  if (verdict.predicted >= 0) {
    return absl::StrCat("class ", verdict.predicted, ", probability ", verdict.score);
  }
  std::string reason = absl::StrCat("score ", verdict.score);
  if (verdict.threshold) absl::StrAppend(&reason, ", threshold ", *verdict.threshold);
  return reason;
}

CaptureEvent EventOf(const MachineVerdict& verdict, const std::string& machine,
                     CaptureTrigger trigger) {
  CaptureEvent event;
  event.machine = machine;
  event.trigger = trigger;
  event.time_ns = verdict.time_ns;
  event.window_ns = verdict.window_ns;
  event.surprise = SurpriseOf(verdict);
  event.reason = ReasonOf(verdict);
  event.model = verdict.model;
  event.version = verdict.version;
  event.own_labels = verdict.task != Task::kReconstruction;
  return event;
}

}  // namespace

double SurpriseOf(const MachineVerdict& verdict) {
  double surprise = 0;
  switch (verdict.task) {
    case Task::kReconstruction:
      surprise = verdict.threshold && *verdict.threshold > 0 ? verdict.score / *verdict.threshold
                                                             : verdict.score;
      break;
    case Task::kClassification:
      surprise = 1 - verdict.score;
      break;
    case Task::kRegression:
      surprise = verdict.threshold ? *verdict.threshold - verdict.score : 0;
      break;
  }
  return std::isfinite(surprise) ? surprise : 0;
}

/// Chance has no memory: a restart may draw anew.
int64_t CaptureTriggers::RandomDelayNs() {
  if (config_.random_per_day <= 0) return std::numeric_limits<int64_t>::max() / 2;
  const double days = -std::log(1 - random_.Uniform()) / config_.random_per_day;
  return static_cast<int64_t>(std::min(days, 10'000.0) * kNsOfADay);
}

CaptureTriggers::Machine& CaptureTriggers::Of(const std::string& machine, int64_t monotonic_ns) {
  const auto [found, is_new] = machines_.try_emplace(machine);
  if (is_new) found->second.next_random_ns = monotonic_ns + RandomDelayNs();
  return found->second;
}

bool CaptureTriggers::Pass(Machine& machine, CaptureTrigger trigger, int64_t monotonic_ns) const {
  int64_t& taken_ns = machine.taken_ns[static_cast<size_t>(trigger)];
  const double since_s = static_cast<double>(monotonic_ns - taken_ns) / kSecondInNs;
  if (taken_ns != 0 && since_s < config_.refractory_s) return false;
  taken_ns = monotonic_ns;
  return true;
}

bool CaptureTriggers::IsDoubtful(const MachineVerdict& verdict) const {
  switch (verdict.task) {
    case Task::kReconstruction:
      return verdict.threshold && verdict.score >= *verdict.threshold * (1 - config_.margin);
    case Task::kClassification:
      return verdict.score < config_.confidence_below;
    case Task::kRegression:
      return false;  // it says nothing of how sure it is
  }
  return false;
}

std::optional<CaptureEvent> CaptureTriggers::OnVerdict(const MachineVerdict& verdict,
                                                       const std::string& machine,
                                                       int64_t monotonic_ns) {
  if (verdict.judgement == Judgement::kNotEvaluated) return std::nullopt;
  // Of two models that judge the same rows the one's long alarm is not to keep the other's away.
  Machine& judged = Of(verdict.machine, monotonic_ns);
  if (verdict.judgement == Judgement::kAlarm &&
      Pass(judged, CaptureTrigger::kAlarm, monotonic_ns)) {
    return EventOf(verdict, machine, CaptureTrigger::kAlarm);
  }
  const bool doubtful = verdict.judgement == Judgement::kNormal || verdict.predicted >= 0;
  if (doubtful && IsDoubtful(verdict) &&
      Pass(judged, CaptureTrigger::kLowConfidence, monotonic_ns)) {
    return EventOf(verdict, machine, CaptureTrigger::kLowConfidence);
  }
  Machine& owner = Of(machine, monotonic_ns);
  if (monotonic_ns < owner.next_random_ns) return std::nullopt;
  owner.next_random_ns = monotonic_ns + RandomDelayNs();
  return EventOf(verdict, machine, CaptureTrigger::kRandom);
}

std::optional<CaptureEvent> CaptureTriggers::OnDrift(const ChannelDrift& drift,
                                                     const std::string& machine,
                                                     int64_t monotonic_ns) {
  if (drift.report.state != DriftState::kConfirmed || drift.recalled) return std::nullopt;
  Machine& judged = Of(drift.machine, monotonic_ns);
  if (!Pass(judged, CaptureTrigger::kDrift, monotonic_ns)) return std::nullopt;
  CaptureEvent event;
  event.machine = machine;
  event.trigger = CaptureTrigger::kDrift;
  event.time_ns = drift.time_ns;
  event.surprise = std::isfinite(drift.report.shift) ? std::abs(drift.report.shift) : 0;
  event.reason = absl::StrCat(drift.channel, " has drifted by ", drift.report.shift, " deviations");
  return event;
}

}  // namespace millrace
