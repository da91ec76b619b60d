// SPDX-License-Identifier: Apache-2.0
#include "client/output/verdict_registers.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace millrace {
namespace {

// Of the site's block.
constexpr size_t kSiteHeartbeat = 0;
constexpr size_t kMapVersion = 1;
constexpr size_t kSiteMachines = 2;
constexpr size_t kSiteAlive = 3;
constexpr size_t kSiteAlarms = 4;
constexpr uint16_t kThisMap = 1;
// Of a machine's.
constexpr size_t kHeartbeat = 0;
constexpr size_t kState = 1;
constexpr size_t kQuality = 2;
constexpr size_t kClass = 3;
constexpr size_t kScore = 4;
constexpr size_t kThreshold = 6;
constexpr size_t kModelVersion = 8;
constexpr size_t kLatencyMs = 10;
constexpr size_t kAgeSeconds = 12;
constexpr size_t kUnixSeconds = 14;
constexpr int64_t kNoClass = 65535;
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

}  // namespace

VerdictRegisters::VerdictRegisters(const std::vector<std::string>& machines, bool low_word_first)
    : low_word_first_(low_word_first), words_((machines.size() + 1) * kBlockRegisters) {
  words_[kMapVersion] = kThisMap;
  words_[kSiteMachines] = Low16(machines.size());
  MachineVerdict none;
  none.score = std::numeric_limits<double>::quiet_NaN();
  for (size_t i = 0; i < machines.size(); ++i) {
    blocks_[machines[i]] = (i + 1) * kBlockRegisters;
    const std::span<uint16_t> block = BlockOf(machines[i]);
    WriteVerdict(none, block);
    WriteFloat(none.score, block.subspan(kAgeSeconds, 2));
    block[kState] = 0;
    block[kQuality] = 0;
  }
}

std::span<uint16_t> VerdictRegisters::BlockOf(const std::string& machine) {
  const auto found = blocks_.find(machine);
  if (found == blocks_.end()) return {};
  return std::span(words_).subspan(found->second, kBlockRegisters);
}

void VerdictRegisters::WriteTwo(uint32_t number, std::span<uint16_t> two) const {
  two[low_word_first_ ? 1 : 0] = Low16(number >> 16);
  two[low_word_first_ ? 0 : 1] = Low16(number);
}

void VerdictRegisters::WriteFloat(double number, std::span<uint16_t> two) const {
  WriteTwo(std::bit_cast<uint32_t>(static_cast<float>(number)), two);
}

void VerdictRegisters::WriteVerdict(const MachineVerdict& verdict,
                                    std::span<uint16_t> block) const {
  block[kState] = StateOf(verdict.judgement);
  block[kQuality] = static_cast<uint16_t>(verdict.quality);
  block[kClass] = static_cast<uint16_t>(
      verdict.predicted < 0 ? kNoClass : std::min(verdict.predicted, kNoClass));
  WriteFloat(verdict.score, block.subspan(kScore, 2));
  WriteFloat(verdict.threshold.value_or(std::numeric_limits<double>::quiet_NaN()),
             block.subspan(kThreshold, 2));
  WriteTwo(static_cast<uint32_t>(verdict.version), block.subspan(kModelVersion, 2));
  WriteFloat(static_cast<double>(verdict.latency_ns) / kNsPerMillisecond,
             block.subspan(kLatencyMs, 2));
  WriteTwo(static_cast<uint32_t>(verdict.time_ns / kNsPerS), block.subspan(kUnixSeconds, 2));
}

void VerdictRegisters::Write(const MachineVerdict& verdict) {
  const std::span<uint16_t> block = BlockOf(verdict.machine);
  if (!block.empty()) WriteVerdict(verdict, block);
}

void VerdictRegisters::Write(const SiteStatus& site) {
  words_[kSiteHeartbeat] = Low16(site.heartbeat);
  int64_t alive = 0;
  int64_t alarms = 0;
  for (const MachineStatus& machine : site.machines) {
    const std::span<uint16_t> block = BlockOf(machine.machine);
    if (block.empty()) continue;
    block[kHeartbeat] = Low16(machine.heartbeat);
    if (!machine.verdict) continue;
    WriteVerdict(*machine.verdict, block);
    WriteFloat(static_cast<double>(machine.age_ns) / kNsPerS, block.subspan(kAgeSeconds, 2));
    alive += machine.alive;
    alarms += machine.verdict->judgement == Judgement::kAlarm;
  }
  words_[kSiteAlive] = Low16(alive);
  words_[kSiteAlarms] = Low16(alarms);
}

}  // namespace millrace
