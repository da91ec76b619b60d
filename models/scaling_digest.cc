// SPDX-License-Identifier: Apache-2.0
#include "models/scaling_digest.h"

#include <bit>
#include <cstdint>
#include <string>

namespace millrace {
namespace {

void Append(uint64_t number, int bits, std::string& bytes) {
  for (int shift = 0; shift < bits; shift += 8) bytes.push_back(static_cast<char>(number >> shift));
}

void Append(const google::protobuf::RepeatedField<float>& values, std::string& bytes) {
  Append(static_cast<uint64_t>(values.size()), 64, bytes);
  for (const float value : values) Append(std::bit_cast<uint32_t>(value), 32, bytes);
}

void Append(const v1::Scaling::Mode& mode, std::string& bytes) {
  Append(static_cast<uint32_t>(mode.cell()), 32, bytes);
  Append(mode.mean(), bytes);
  Append(mode.deviation(), bytes);
  Append(static_cast<uint64_t>(mode.count()), 64, bytes);
}

}  // namespace

Digest DigestOf(const v1::Scaling& scaling) {
  std::string bytes = "millrace scaling v1";
  Append(static_cast<uint64_t>(scaling.channels()), 64, bytes);
  Append(static_cast<uint64_t>(scaling.modes_size()), 64, bytes);
  for (const v1::Scaling::Mode& mode : scaling.modes()) Append(mode, bytes);
  Append(scaling.overall(), bytes);
  return Sha256Of(bytes);
}

}  // namespace millrace
