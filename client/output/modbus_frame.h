// SPDX-License-Identifier: Apache-2.0
// Where one request of Modbus TCP ends in what a peer has sent, and whether libmodbus may see it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace {

/// Of the longest request or answer, with its header.
inline constexpr size_t kMostFrameBytes = 260;
inline constexpr size_t kMostReadRegisters = 125;

enum class FrameKind {
  kUnfinished,     // more of it has to come
  kNoModbus,       // nothing that follows can be read either
  kRead,           // of holding or input registers
  kOtherFunction,  // what is not served: writing above all
  kBadRead         // a read that is longer or shorter than reads are, of no or too many registers
};

struct Frame {
  FrameKind kind = FrameKind::kUnfinished;
  size_t bytes = 0;  // that it takes
  // Of a read: the registers that it asks for, 1 to kMostReadRegisters.
  size_t address = 0;
  size_t count = 0;
};

/// The first request in `received`.
inline Frame FirstFrame(std::span<const uint8_t> received) {
  constexpr size_t kHeader = 6;  // transaction, protocol, length
  constexpr size_t kReadBytes = 12;
  constexpr uint8_t kReadHolding = 3;
  constexpr uint8_t kReadInput = 4;
  if (received.size() < kHeader) return {};
  const size_t rest = size_t{received[4]} << 8 | received[5];
  const bool modbus = received[2] == 0 && received[3] == 0;
  if (!modbus || rest < 2 || kHeader + rest > kMostFrameBytes)
    return {.kind = FrameKind::kNoModbus};
  const size_t bytes = kHeader + rest;
  if (received.size() < bytes) return {};
  const uint8_t function = received[7];
  if (function != kReadHolding && function != kReadInput) {
    return {.kind = FrameKind::kOtherFunction, .bytes = bytes};
  }
  if (bytes != kReadBytes) return {.kind = FrameKind::kBadRead, .bytes = bytes};
  const size_t address = size_t{received[8]} << 8 | received[9];
  const size_t count = size_t{received[10]} << 8 | received[11];
  if (count < 1 || count > kMostReadRegisters) return {.kind = FrameKind::kBadRead, .bytes = bytes};
  return {FrameKind::kRead, bytes, address, count};
}

}  // namespace millrace
