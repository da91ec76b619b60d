// SPDX-License-Identifier: Apache-2.0
// What a Modbus device's registers mean. Knows no network.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace millrace {

enum class RegisterTable { kHolding, kInput, kCoil, kDiscrete };
enum class RegisterType { kInt16, kUint16, kInt32, kUint32, kFloat32, kFloat64, kBit };

/// One channel of a device.
struct RegisterPoint {
  std::string channel;
  RegisterTable table = RegisterTable::kHolding;
  int64_t address = 0;  // 0-based, as on the wire
  RegisterType type = RegisterType::kUint16;
  int64_t bit = 0;              // of a register, kBit only; 0 is the least
  bool low_word_first = false;  // of several registers
  bool swap_bytes = false;      // within each register
  double scale = 1;             // value = scale * number + offset
  double offset = 0;

  bool operator==(const RegisterPoint&) const = default;
};

bool IsBitTable(RegisterTable table);
/// Registers, or bits of a bit table, that the point takes.
int64_t WidthOf(const RegisterPoint& point);

/// One request.
struct RegisterRead {
  RegisterTable table = RegisterTable::kHolding;
  int64_t address = 0;
  int64_t count = 0;
  std::vector<size_t> points;  // indices of those that it answers
};

/// The requests that bring all of the points: neighbours and overlapping ones together, no register
/// in between that nobody asked for, and no more than the protocol allows in one (125 registers,
/// 2000 bits).
std::vector<RegisterRead> PlanReads(std::span<const RegisterPoint> points);
/// The same with a request for each point of `read` alone, for a device that refuses it whole.
std::vector<RegisterRead> ReadsOfEach(const RegisterRead& read,
                                      std::span<const RegisterPoint> points);

/// The point's value; `registers` (0 or 1 each, of a bit table) begin with the point's own.
float PointValue(const RegisterPoint& point, std::span<const uint16_t> registers);

}  // namespace millrace
