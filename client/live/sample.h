// SPDX-License-Identifier: Apache-2.0
// What plant data are inside the daemon, from whatever source they come.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/time/time.h"

namespace millrace {

/// Index of a channel in the site's ChannelTable.
using ChannelIndex = int32_t;

/// One value of one channel.
struct Sample {
  int64_t time_ns = 0;  // Unix time: of the source where it tells it, else of the arrival
  ChannelIndex channel = 0;
  float value = 0;  // in the channel's unit; NaN: the source itself calls it bad
};

/// What one message, poll or read brought, or a part of it.
struct SampleBatch {
  int64_t arrived_ns = 0;  // on the machine's monotonic clock: latency counts from here
  std::vector<Sample> samples;
  uint64_t source = 0;    // who brought it: where there is no room, a flood costs its own
  bool recorded = false;  // read from whole files: arrivals say nothing of when it was measured
};

/// What sources bring comes in batches of so many at most.
inline constexpr size_t kMostBatchSamples = 65'536;

/// Takes what sources read. Thread-safe.
class SampleSink {
 public:
  virtual ~SampleSink() = default;
  /// Never blocks: where there is no room, the oldest samples go.
  virtual void Accept(SampleBatch batch) = 0;
  /// For sources that can wait, of recorded data: whether `samples` fit without dropping anything,
  /// which may take until `patience` is over. More than fit at all count as what fits.
  virtual bool AwaitRoom(std::span<const Sample> samples, absl::Duration patience) = 0;
};

}  // namespace millrace
