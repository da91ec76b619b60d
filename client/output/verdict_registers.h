// SPDX-License-Identifier: Apache-2.0
// What a PLC reads over Modbus: docs/inference.md has the map. Knows no network.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "client/inference/machine_verdict.h"
#include "client/output/verdict_board.h"

namespace millrace {

inline constexpr int64_t kBlockRegisters = 16;
/// The site's block comes first; 65536 registers are what the protocol addresses.
inline constexpr int64_t kMostRegisterMachines = 65536 / kBlockRegisters - 1;

/// The registers of a site and some of its machines. Not thread-safe.
class VerdictRegisters {
 public:
  /// Blocks are in the order of `machines`. Numbers of two registers begin with the high word
  /// unless `low_word_first`.
  VerdictRegisters(const std::vector<std::string>& machines, bool low_word_first);

  /// All but heartbeat and age, at once. Machines that have no block are passed over.
  void Write(const MachineVerdict& verdict);
  void Write(const SiteStatus& site);

  std::span<uint16_t> words() { return words_; }

 private:
  /// The machine's block; empty: it has none.
  std::span<uint16_t> BlockOf(const std::string& machine);
  void WriteVerdict(const MachineVerdict& verdict, std::span<uint16_t> block) const;
  void WriteTwo(uint32_t number, std::span<uint16_t> two) const;
  void WriteFloat(double number, std::span<uint16_t> two) const;

  const bool low_word_first_;
  std::map<std::string, size_t> blocks_;  // where each begins
  std::vector<uint16_t> words_;
};

}  // namespace millrace
