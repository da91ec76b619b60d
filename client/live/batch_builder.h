// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/live/payload.h"
#include "client/live/sample.h"
#include "client/live/stream_channels.h"

namespace millrace {

/// When and where a payload came in.
struct Arrival {
  int64_t unix_ns = 0;
  absl::string_view machine;
  absl::string_view channel;  // for blocks that name none
};

/// The times of a block's values.
struct BlockTiming {
  double rate_hz = 0;  // 0: blocks of several values get one time each
  BlockTime stamp = BlockTime::kFirst;

  bool operator==(const BlockTiming&) const = default;
};

/// Appends the payload's values of channels that the site knows. A block without a time ends when
/// it arrived.
void AppendSamples(const Payload& payload, const Arrival& arrival, const BlockTiming& timing,
                   StreamChannels& channels, std::vector<Sample>* samples);

}  // namespace millrace
