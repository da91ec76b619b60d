// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace millrace::fuzz {

/// What the fuzzer makes of a valid message. The input's first byte chooses: the rest is the
/// message itself; or it is a list of changes to the valid one, three bytes each: place (two bytes)
/// and new value, so that what lies behind parsing and signatures is reached as well.
inline std::string Mutated(const std::string& valid, std::span<const uint8_t> input) {
  if (input.empty()) return valid;
  const std::span<const uint8_t> rest = input.subspan(1);
  if (input[0] % 2 == 0) return {rest.begin(), rest.end()};
  std::string bytes = valid;
  for (size_t i = 0; i + 2 < rest.size() && !bytes.empty(); i += 3) {
    const size_t place = rest[i] | size_t{rest[i + 1]} << 8;
    if (place >= 0xff00) {
      bytes.resize(bytes.size() - bytes.size() / (1 + rest[i + 2]));  // cut off
    } else {
      bytes[place % bytes.size()] = static_cast<char>(rest[i + 2]);
    }
  }
  return bytes;
}

template <typename Message>
Message MutatedMessage(const Message& valid, std::span<const uint8_t> input) {
  Message message;
  // What does not parse never reaches the code under test: gRPC refuses it.
  if (!message.ParseFromString(Mutated(valid.SerializeAsString(), input))) return valid;
  return message;
}

}  // namespace millrace::fuzz
