// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace {

/// Values of one channel in a payload that follow each other, `rate_hz` of the format apart.
struct PayloadBlock {
  std::string channel;             // as the payload calls it; empty: the topic says which
  std::optional<int64_t> time_ns;  // Unix time; none: the payload says none
  size_t begin = 0;                // in Payload::values
  size_t count = 0;
};

/// What a payload says. Values that are not numbers, null or infinite are NaN.
struct Payload {
  std::vector<PayloadBlock> blocks;
  std::vector<float> values;

  void Clear() {
    blocks.clear();
    values.clear();
  }
};

/// Where in a block of several values its time stamp points.
enum class BlockTime { kFirst, kLast };

/// `value` as a sample: NaN if it is no finite float.
float SampleValue(double value);

}  // namespace millrace
