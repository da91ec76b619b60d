// SPDX-License-Identifier: Apache-2.0
// Registers that a Modbus device answers with, of any map that a site's file can hold: each point
// is asked for once, within what the protocol allows, and gives a number or none.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/check.h"
#include "client/live/register_map.h"

namespace {

constexpr size_t kPointBytes = 6;
constexpr size_t kMostPoints = 64;
constexpr int64_t kAddresses = 65'536;

millrace::RegisterPoint PointOf(std::span<const uint8_t> bytes) {
  constexpr double kFactors[] = {1, -0.1, 1e30, 1e300};
  millrace::RegisterPoint point;
  point.table = static_cast<millrace::RegisterTable>(bytes[0] % 4);
  point.type = static_cast<millrace::RegisterType>(bytes[1] % 7);
  point.low_word_first = bytes[2] % 2 == 1;
  point.swap_bytes = bytes[2] / 2 % 2 == 1;
  point.bit = bytes[2] / 4 % 16;
  point.scale = kFactors[bytes[3] % 4];
  point.offset = bytes[3] / 4 % 2 == 0 ? 0 : -1e30;
  // Neighbours too: the fuzzer does not find them by itself.
  const int64_t address = bytes[5] % 2 == 0 ? bytes[4] : bytes[4] << 8 | bytes[5];
  point.address = std::min(address, kAddresses - WidthOf(point));
  return point;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t most = std::min<size_t>(data[0] % kMostPoints, (size - 1) / kPointBytes);
  std::span<const uint8_t> rest(data + 1, size - 1);
  std::vector<millrace::RegisterPoint> points;
  for (; points.size() < most; rest = rest.subspan(kPointBytes)) points.push_back(PointOf(rest));

  std::vector<int> asked(points.size());
  for (const millrace::RegisterRead& read : millrace::PlanReads(points)) {
    const bool bits = millrace::IsBitTable(read.table);
    MR_CHECK(read.count > 0 && read.count <= (bits ? 2000 : 125));
    MR_CHECK(read.address >= 0 && read.address + read.count <= kAddresses);
    std::vector<uint16_t> registers(static_cast<size_t>(read.count));
    for (size_t i = 0; i < registers.size() && !rest.empty(); ++i) {
      const uint8_t high = rest[2 * i % rest.size()];
      const uint8_t low = rest[(2 * i + 1) % rest.size()];
      registers[i] = bits ? low % 2 : static_cast<uint16_t>(high << 8 | low);
    }
    MR_CHECK(ReadsOfEach(read, points).size() == read.points.size());
    for (const size_t i : read.points) {
      ++asked[i];
      const int64_t begin = points[i].address - read.address;
      MR_CHECK(points[i].table == read.table && begin >= 0);
      MR_CHECK(begin + WidthOf(points[i]) <= read.count);
      const auto own = std::span(registers).subspan(static_cast<size_t>(begin));
      MR_CHECK(!std::isinf(PointValue(points[i], own)));
    }
  }
  MR_CHECK(std::ranges::all_of(asked, [](int times) { return times == 1; }));
  return 0;
}
