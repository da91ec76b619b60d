// SPDX-License-Identifier: Apache-2.0
#include "client/live/register_map.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>

#include "base/check.h"
#include "client/live/payload.h"

namespace millrace {
namespace {

constexpr int64_t kMostRegisters = 125;
constexpr int64_t kMostBits = 2000;

uint16_t Swapped(uint16_t word) { return static_cast<uint16_t>(word << 8 | word >> 8); }

// The point's registers as one number, the most significant first.
uint64_t Joined(const RegisterPoint& point, std::span<const uint16_t> registers) {
  const auto width = static_cast<size_t>(WidthOf(point));
  MR_CHECK(registers.size() >= width);
  uint64_t number = 0;
  for (size_t i = 0; i < width; ++i) {
    const uint16_t word = registers[point.low_word_first ? width - 1 - i : i];
    number = number << 16 | (point.swap_bytes ? Swapped(word) : word);
  }
  return number;
}

double NumberOf(const RegisterPoint& point, uint64_t bits) {
  switch (point.type) {
    case RegisterType::kInt16:
      return static_cast<int16_t>(bits);
    case RegisterType::kInt32:
      return static_cast<int32_t>(bits);
    case RegisterType::kFloat32:
      return std::bit_cast<float>(static_cast<uint32_t>(bits));
    case RegisterType::kFloat64:
      return std::bit_cast<double>(bits);
    case RegisterType::kBit:
      return static_cast<double>(bits >> point.bit & 1);
    case RegisterType::kUint16:
    case RegisterType::kUint32:
      break;
  }
  return static_cast<double>(bits);
}

}  // namespace

bool IsBitTable(RegisterTable table) {
  return table == RegisterTable::kCoil || table == RegisterTable::kDiscrete;
}

int64_t WidthOf(const RegisterPoint& point) {
  if (IsBitTable(point.table)) return 1;
  switch (point.type) {
    case RegisterType::kInt32:
    case RegisterType::kUint32:
    case RegisterType::kFloat32:
      return 2;
    case RegisterType::kFloat64:
      return 4;
    case RegisterType::kInt16:
    case RegisterType::kUint16:
    case RegisterType::kBit:
      break;
  }
  return 1;
}

std::vector<RegisterRead> PlanReads(std::span<const RegisterPoint> points) {
  std::vector<size_t> order(points.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::tie(points[a].table, points[a].address) <
           std::tie(points[b].table, points[b].address);
  });
  std::vector<RegisterRead> reads;
  for (const size_t i : order) {
    const RegisterPoint& point = points[i];
    const int64_t end = point.address + WidthOf(point);
    const int64_t most = IsBitTable(point.table) ? kMostBits : kMostRegisters;
    if (reads.empty() || reads.back().table != point.table ||
        point.address > reads.back().address + reads.back().count ||
        end - reads.back().address > most) {
      reads.push_back({point.table, point.address, 0, {}});
    }
    RegisterRead& read = reads.back();
    read.count = std::max(read.count, end - read.address);
    read.points.push_back(i);
  }
  return reads;
}

std::vector<RegisterRead> ReadsOfEach(const RegisterRead& read,
                                      std::span<const RegisterPoint> points) {
  std::vector<RegisterRead> reads;
  for (const size_t i : read.points) {
    reads.push_back({read.table, points[i].address, WidthOf(points[i]), {i}});
  }
  return reads;
}

float PointValue(const RegisterPoint& point, std::span<const uint16_t> registers) {
  const double number =
      IsBitTable(point.table) ? registers[0] : NumberOf(point, Joined(point, registers));
  return SampleValue(point.scale * number + point.offset);
}

}  // namespace millrace
