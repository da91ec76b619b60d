// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/sensor_fault.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"

namespace millrace {
namespace {

constexpr std::array kSensorFaults = {SensorFaultKind::kStuck, SensorFaultKind::kSpike,
                                      SensorFaultKind::kDropout, SensorFaultKind::kDrift,
                                      SensorFaultKind::kOffset};
constexpr double kSpikeShare = 0.02;

bool HasSize(SensorFaultKind kind) {
  return kind != SensorFaultKind::kStuck && kind != SensorFaultKind::kDropout;
}

bool ReadKind(absl::string_view text, SensorFault& fault) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('=', 1));
  const auto kind = std::ranges::find_if(
      kSensorFaults, [&](SensorFaultKind one) { return Name(one) == parts.first; });
  if (kind == kSensorFaults.end()) return false;
  fault.kind = *kind;
  if (!HasSize(fault.kind)) return parts.second.empty();
  return absl::SimpleAtod(parts.second, &fault.size) && std::isfinite(fault.size);
}

bool ReadTimes(absl::string_view text, SensorFault& fault) {
  const std::vector<absl::string_view> times = absl::StrSplit(text, ':');
  return times.size() == 2 && absl::SimpleAtod(times[0], &fault.begin_s) &&
         absl::SimpleAtod(times[1], &fault.end_s) && fault.begin_s >= 0 &&
         fault.end_s > fault.begin_s;
}

}  // namespace

absl::string_view Name(SensorFaultKind kind) {
  switch (kind) {
    case SensorFaultKind::kStuck:
      return "stuck";
    case SensorFaultKind::kSpike:
      return "spike";
    case SensorFaultKind::kDropout:
      return "dropout";
    case SensorFaultKind::kDrift:
      return "drift";
    case SensorFaultKind::kOffset:
      return "offset";
  }
  MR_CHECK(false && "an enumerator without a case");
  return "";
}

absl::StatusOr<SensorFault> ParseSensorFault(absl::string_view text) {
  SensorFault fault;
  const std::pair<absl::string_view, absl::string_view> at =
      absl::StrSplit(text, absl::MaxSplits('@', 1));
  const std::pair<absl::string_view, absl::string_view> what =
      absl::StrSplit(at.first, absl::MaxSplits(':', 1));
  const std::pair<absl::string_view, absl::string_view> where =
      absl::StrSplit(what.first, absl::MaxSplits('/', 1));
  fault.machine = std::string(where.first);
  fault.channel = std::string(where.second);
  if (fault.machine.empty() || fault.channel.empty() || !ReadKind(what.second, fault) ||
      !ReadTimes(at.second, fault)) {
    return absl::InvalidArgumentError(
        absl::StrCat(text,
                     ": expected MACHINE/CHANNEL:KIND@BEGIN:END, the times in seconds, KIND "
                     "one of stuck, dropout, spike=SIZE, drift=SIZE, offset=SIZE"));
  }
  return fault;
}

float FaultySensor::Read(double time_s, float value) {
  if (time_s < fault_.begin_s || time_s >= fault_.end_s) return value;
  if (!began_) first_ = value;
  began_ = true;
  const auto size = static_cast<float>(fault_.size);
  switch (fault_.kind) {
    case SensorFaultKind::kStuck:
      return first_;
    case SensorFaultKind::kSpike:
      return random_.Uniform() < kSpikeShare ? value + size : value;
    case SensorFaultKind::kDropout:
      return std::numeric_limits<float>::quiet_NaN();
    case SensorFaultKind::kDrift:
      return value + size * static_cast<float>(time_s - fault_.begin_s);
    case SensorFaultKind::kOffset:
      return value + size;
  }
  MR_CHECK(false && "an enumerator without a case");
  return value;
}

}  // namespace millrace
