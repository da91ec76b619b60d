// SPDX-License-Identifier: Apache-2.0
// What a PLC reads over Modbus: docs/inference.md has the map. Knows no network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "client/inference/machine_config.h"
#include "client/inference/machine_verdict.h"
#include "client/output/verdict_board.h"

namespace millrace {

inline constexpr int64_t kBlockRegisters = 16;
/// The verdicts' blocks begin at 0 with the site's; the explanations' begin here, with one that is
/// empty, in the same order.
inline constexpr size_t kExplanationRegisters = 32768;
inline constexpr int64_t kMostRegisterMachines =
    int64_t{kExplanationRegisters} / kBlockRegisters - 1;
/// Short blocks of alarms begin here, with the site's, in the same order: where the verdicts'
/// blocks leave the room, which is for kMostCountedMachines.
inline constexpr size_t kAlarmRegisters = 24576;
inline constexpr int64_t kAlarmBlockRegisters = 4;
inline constexpr int64_t kMostCountedMachines = int64_t{kAlarmRegisters} / kBlockRegisters - 1;

/// The registers of a site and some of its machines. Not thread-safe.
class VerdictRegisters {
 public:
  /// Blocks are in the order of `machines`, whose channels `kinds` have in their order. Numbers of
  /// two registers begin with the high word unless `low_word_first`.
  VerdictRegisters(const std::vector<std::string>& machines,
                   const std::vector<MachineConfig>& kinds, bool low_word_first);

  /// A new verdict: all but heartbeat and age, at once, and its alarm is counted if it begins with
  /// it. Machines that have no block are passed over.
  void Write(const MachineVerdict& verdict);
  /// What is known now. Counts nothing.
  void Write(const SiteStatus& site);

  /// Registers that follow each other; empty unless all of them are there.
  std::span<const uint16_t> At(size_t address, size_t count) const;

 private:
  /// Where a machine's blocks begin, and what its channels are called.
  struct Place {
    size_t block = 0;
    const std::map<std::string, uint16_t>* numbers = nullptr;  // of its channels, from 1
    // As it was judged last.
    bool in_alarm = false;
    int64_t predicted = -1;
  };

  std::span<uint16_t> BlockOf(const Place& place);
  void WriteVerdict(const MachineVerdict& verdict, const Place& place);
  void WriteExplanation(const MachineVerdict& verdict, const Place& place);
  void CountAlarm(const MachineVerdict& verdict, Place& place);
  void WriteTwo(uint32_t number, std::span<uint16_t> two) const;
  void WriteFloat(double number, std::span<uint16_t> two) const;

  const bool low_word_first_;
  std::vector<std::map<std::string, uint16_t>> kinds_;  // each kind's channels
  std::map<std::string, Place> places_;
  std::vector<uint16_t> verdicts_;
  std::vector<uint16_t> explanations_;
  std::vector<uint16_t> alarms_;  // empty: there is no room for them
};

}  // namespace millrace
