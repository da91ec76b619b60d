// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/block_payload.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "scripts/plant_simulator/number_text.h"

namespace millrace {

static_assert(std::endian::native == std::endian::little, "payloads are copied as they lie");

std::string JsonPayload(const PlantBlock& block) {
  const size_t channels = block.channels->size();
  const size_t rows = block.rows.size() / channels;
  std::string text = absl::StrCat("{\"timestamp\":", block.time_ns / 1000);
  const auto append = [&](size_t at) {
    if (std::isnan(block.rows[at])) {
      text += "null";
    } else {
      AppendNumber(block.rows[at], &text);
    }
  };
  for (size_t c = 0; c < channels; ++c) {
    if (rows == 1 && std::isnan(block.rows[c])) continue;
    absl::StrAppend(&text, ",\"", (*block.channels)[c], "\":");
    if (rows == 1) {
      append(c);
      continue;
    }
    for (size_t row = 0; row < rows; ++row) {
      text.push_back(row == 0 ? '[' : ',');
      append(row * channels + c);
    }
    text.push_back(']');
  }
  text.push_back('}');
  return text;
}

std::string RawPayload(const PlantBlock& block) {
  std::string bytes(sizeof(int64_t) + block.rows.size_bytes(), '\0');
  std::memcpy(bytes.data(), &block.time_ns, sizeof(int64_t));
  std::memcpy(bytes.data() + sizeof(int64_t), block.rows.data(), block.rows.size_bytes());
  return bytes;
}

}  // namespace millrace
