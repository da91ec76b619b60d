// SPDX-License-Identifier: Apache-2.0
#include "client/output/verdict_registers.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace millrace {
namespace {

// Of the site's block.
constexpr size_t kSiteHeartbeat = 0;
constexpr size_t kMapVersion = 1;
constexpr size_t kSiteMachines = 2;
constexpr size_t kSiteAlive = 3;
constexpr size_t kSiteAlarms = 4;
constexpr size_t kSiteExpired = 5;
constexpr uint16_t kThisMap = 3;
// Of a machine's.
constexpr size_t kHeartbeat = 0;
constexpr size_t kState = 1;
constexpr size_t kQuality = 2;
constexpr uint16_t kExpiredBit = 256;  // of the quality
constexpr size_t kClass = 3;
constexpr size_t kScore = 4;
constexpr size_t kThreshold = 6;
constexpr size_t kModelVersion = 8;
constexpr size_t kLatencyMs = 10;
constexpr size_t kAgeSeconds = 12;
constexpr size_t kUnixSeconds = 14;
// Of a machine's explanation.
constexpr size_t kSharesInAll = 0;
constexpr size_t kFirstShare = 1;
constexpr size_t kShareRegisters = 3;  // a channel's number and its share
constexpr size_t kSharesWritten = 3;
constexpr size_t kGap = 10;
constexpr size_t kExplainedUnixSeconds = 12;
constexpr size_t kWorstChannel = 14;
constexpr size_t kWorstFlag = 15;
// Of a block of alarms.
constexpr size_t kAlarmCount = 0;
constexpr size_t kAlarmClass = 1;    // of a machine's last
constexpr size_t kAlarmMachine = 1;  // the site's last: number of the machine
constexpr size_t kAlarmUnixSeconds = 2;
constexpr int64_t kNoClass = 65535;
constexpr size_t kMostNumbers = 65535;  // of a machine's channels
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kNsPerMillisecond = 1e6;

uint16_t StateOf(Judgement judgement) {
  switch (judgement) {
    case Judgement::kNotEvaluated:
      return 1;
    case Judgement::kNormal:
      return 2;
    case Judgement::kAlarm:
      return 3;
  }
  return 0;
}

uint16_t Low16(uint64_t number) { return static_cast<uint16_t>(number & 0xFFFF); }

uint16_t ClassOf(const MachineVerdict& verdict) {
  return static_cast<uint16_t>(verdict.predicted < 0 ? kNoClass
                                                     : std::min(verdict.predicted, kNoClass));
}

uint32_t UnixSeconds(int64_t unix_ns) { return static_cast<uint32_t>(unix_ns / kNsPerS); }

}  // namespace

VerdictRegisters::VerdictRegisters(const std::vector<std::string>& machines,
                                   const std::vector<MachineConfig>& kinds, bool low_word_first)
    : low_word_first_(low_word_first),
      kinds_(kinds.size()),
      verdicts_((machines.size() + 1) * kBlockRegisters),
      explanations_(verdicts_.size()) {
  if (static_cast<int64_t>(machines.size()) <= kMostCountedMachines) {
    alarms_.resize((machines.size() + 1) * kAlarmBlockRegisters);
  }
  verdicts_[kMapVersion] = kThisMap;
  verdicts_[kSiteMachines] = Low16(machines.size());
  std::map<std::string, const std::map<std::string, uint16_t>*> numbers;  // by machine
  for (size_t k = 0; k < kinds.size(); ++k) {
    const size_t numbered = std::min(kinds[k].channels.size(), kMostNumbers);
    for (size_t i = 0; i < numbered; ++i) kinds_[k][kinds[k].channels[i].name] = Low16(i + 1);
    for (const std::string& machine : kinds[k].names) numbers[machine] = &kinds_[k];
  }
  MachineVerdict none;
  none.score = kNaN;
  for (size_t i = 0; i < machines.size(); ++i) {
    const Place place = {(i + 1) * kBlockRegisters, numbers[machines[i]]};
    places_[machines[i]] = place;
    WriteVerdict(none, place);
    const std::span<uint16_t> block = BlockOf(place);
    WriteFloat(kNaN, block.subspan(kAgeSeconds, 2));
    block[kState] = 0;
    block[kQuality] = 0;
    if (!alarms_.empty()) alarms_[(i + 1) * kAlarmBlockRegisters + kAlarmClass] = kNoClass;
  }
}

std::span<const uint16_t> VerdictRegisters::At(size_t address, size_t count) const {
  const auto within = [&](const std::vector<uint16_t>& all, size_t begin) {
    const bool there = address - begin + count <= all.size();
    return there ? std::span(all).subspan(address - begin, count) : std::span<const uint16_t>();
  };
  if (address >= kExplanationRegisters) return within(explanations_, kExplanationRegisters);
  if (address >= kAlarmRegisters && !alarms_.empty()) return within(alarms_, kAlarmRegisters);
  return within(verdicts_, 0);
}

std::span<uint16_t> VerdictRegisters::BlockOf(const Place& place) {
  return std::span(verdicts_).subspan(place.block, kBlockRegisters);
}

void VerdictRegisters::WriteTwo(uint32_t number, std::span<uint16_t> two) const {
  two[low_word_first_ ? 1 : 0] = Low16(number >> 16);
  two[low_word_first_ ? 0 : 1] = Low16(number);
}

void VerdictRegisters::WriteFloat(double number, std::span<uint16_t> two) const {
  WriteTwo(std::bit_cast<uint32_t>(static_cast<float>(number)), two);
}

void VerdictRegisters::WriteVerdict(const MachineVerdict& verdict, const Place& place) {
  const std::span<uint16_t> block = BlockOf(place);
  block[kState] = StateOf(verdict.judgement);
  block[kQuality] = static_cast<uint16_t>(static_cast<uint16_t>(verdict.quality) |
                                          (verdict.expired ? kExpiredBit : 0));
  block[kClass] = ClassOf(verdict);
  WriteFloat(verdict.score, block.subspan(kScore, 2));
  WriteFloat(verdict.threshold.value_or(kNaN), block.subspan(kThreshold, 2));
  WriteTwo(static_cast<uint32_t>(verdict.version), block.subspan(kModelVersion, 2));
  WriteFloat(static_cast<double>(verdict.latency_ns) / kNsPerMillisecond,
             block.subspan(kLatencyMs, 2));
  WriteTwo(UnixSeconds(verdict.time_ns), block.subspan(kUnixSeconds, 2));
  WriteExplanation(verdict, place);
}

void VerdictRegisters::WriteExplanation(const MachineVerdict& verdict, const Place& place) {
  const auto number_of = [&](const std::string& channel) -> uint16_t {
    if (place.numbers == nullptr) return 0;
    const auto found = place.numbers->find(channel);
    return found == place.numbers->end() ? uint16_t{0} : found->second;
  };
  const std::span<uint16_t> block = std::span(explanations_).subspan(place.block, kBlockRegisters);
  const std::vector<ChannelShare>& shares = verdict.shares;
  block[kSharesInAll] = Low16(shares.size());
  for (size_t i = 0; i < kSharesWritten; ++i) {
    const std::span<uint16_t> at = block.subspan(kFirstShare + i * kShareRegisters);
    at[0] = i < shares.size() ? number_of(shares[i].channel) : uint16_t{0};
    WriteFloat(i < shares.size() ? shares[i].share : kNaN, at.subspan(1, 2));
  }
  WriteFloat(shares.empty() ? kNaN : verdict.completeness_gap, block.subspan(kGap, 2));
  WriteTwo(shares.empty() ? 0 : UnixSeconds(verdict.explained_ns),
           block.subspan(kExplainedUnixSeconds, 2));
  const auto worst = std::ranges::max_element(verdict.flagged, {}, [](const FlaggedChannel& one) {
    return std::pair(one.worst.flag, one.share);
  });
  const bool sound = worst == verdict.flagged.end();
  block[kWorstChannel] = sound ? uint16_t{0} : number_of(worst->name);
  block[kWorstFlag] = sound ? uint16_t{0} : static_cast<uint16_t>(worst->worst.flag);
}

/// An alarm that turns into another class is another one, as is one after a verdict of any other
/// kind.
void VerdictRegisters::CountAlarm(const MachineVerdict& verdict, Place& place) {
  const bool alarm = verdict.judgement == Judgement::kAlarm;
  const bool begins = alarm && (!place.in_alarm || place.predicted != verdict.predicted);
  place.in_alarm = alarm;
  place.predicted = verdict.predicted;
  if (!begins || alarms_.empty()) return;
  const size_t number = place.block / kBlockRegisters;
  const std::span<uint16_t> site = std::span(alarms_).first(kAlarmBlockRegisters);
  const std::span<uint16_t> machine =
      std::span(alarms_).subspan(number * kAlarmBlockRegisters, kAlarmBlockRegisters);
  for (const std::span<uint16_t> block : {site, machine}) {
    block[kAlarmCount] = Low16(block[kAlarmCount] + uint64_t{1});
    WriteTwo(UnixSeconds(verdict.time_ns), block.subspan(kAlarmUnixSeconds, 2));
  }
  site[kAlarmMachine] = Low16(number);
  machine[kAlarmClass] = ClassOf(verdict);
}

void VerdictRegisters::Write(const MachineVerdict& verdict) {
  const auto place = places_.find(verdict.machine);
  if (place == places_.end()) return;
  WriteVerdict(verdict, place->second);
  CountAlarm(verdict, place->second);
}

void VerdictRegisters::Write(const SiteStatus& site) {
  verdicts_[kSiteHeartbeat] = Low16(site.heartbeat);
  int64_t alive = 0;
  int64_t alarms = 0;
  int64_t expired = 0;
  for (const MachineStatus& machine : site.machines) {
    const auto place = places_.find(machine.machine);
    if (place == places_.end()) continue;
    const std::span<uint16_t> block = BlockOf(place->second);
    block[kHeartbeat] = Low16(machine.heartbeat);
    if (!machine.verdict) continue;
    WriteVerdict(*machine.verdict, place->second);
    WriteFloat(static_cast<double>(machine.age_ns) / kNsPerS, block.subspan(kAgeSeconds, 2));
    alive += machine.alive;
    alarms += machine.verdict->judgement == Judgement::kAlarm;
    expired += ModelExpired(machine);
  }
  verdicts_[kSiteAlive] = Low16(alive);
  verdicts_[kSiteAlarms] = Low16(alarms);
  verdicts_[kSiteExpired] = Low16(expired);
}

}  // namespace millrace
