// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/live/payload.h"

namespace millrace {

enum class RawType { kFloat32, kFloat64, kInt16, kInt32 };

/// What stands before the values.
enum class RawHeader {
  kNone,
  kUnixNs,  // 8 bytes, an integer
  kUnixUs,
  kUnixMs,
  kUnixSeconds  // 8 bytes, a float64
};

/// Numbers one after the other, of one channel or of several in turn.
struct RawFormat {
  RawType type = RawType::kFloat32;
  bool big_endian = false;  // the header too
  RawHeader header = RawHeader::kNone;
  double scale = 1;  // value = scale * number + offset
  double offset = 0;
  std::vector<std::string> channels = {};  // in turn; empty: one, which the topic names

  bool operator==(const RawFormat&) const = default;
};

/// INVALID_ARGUMENT for no value, part of a value, part of a turn, or a time that cannot be.
absl::Status ReadRawPayload(const RawFormat& format, absl::string_view bytes, Payload* payload);

}  // namespace millrace
