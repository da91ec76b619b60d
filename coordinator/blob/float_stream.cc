// SPDX-License-Identifier: Apache-2.0
#include "coordinator/blob/float_stream.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "aggregation/weighted_sum.h"

namespace millrace {

static_assert(std::endian::native == std::endian::little, "updates are little-endian on the wire");

namespace {

bool InBound(float value) { return std::abs(value) < kUpdateBound; }

}  // namespace

std::optional<int64_t> FloatStream::FindOutOfBound(std::span<const char> bytes) {
  if (partial_bytes_ > 0) {
    const size_t taken = std::min(sizeof(float) - partial_bytes_, bytes.size());
    std::copy_n(bytes.begin(), taken, partial_.begin() + partial_bytes_);
    partial_bytes_ += taken;
    bytes = bytes.subspan(taken);
    if (partial_bytes_ < sizeof(float)) return std::nullopt;
    if (!InBound(std::bit_cast<float>(partial_))) return elements_;
    partial_bytes_ = 0;
    ++elements_;
  }
  // Chunks come from the network at any alignment: a block is copied, within the first-level
  // cache, to where floats may lie.
  std::array<float, 2048> block;
  while (bytes.size() >= sizeof(float)) {
    const size_t count = std::min(block.size(), bytes.size() / sizeof(float));
    std::memcpy(block.data(), bytes.data(), count * sizeof(float));
    const std::span<const float> values(block.data(), count);
    if (!WithinUpdateBound(values)) {
      const auto found = std::find_if_not(values.begin(), values.end(), InBound);
      return elements_ + (found - values.begin());
    }
    elements_ += static_cast<int64_t>(count);
    bytes = bytes.subspan(count * sizeof(float));
  }
  std::copy(bytes.begin(), bytes.end(), partial_.begin());
  partial_bytes_ = bytes.size();
  return std::nullopt;
}

}  // namespace millrace
