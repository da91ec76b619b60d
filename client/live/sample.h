// SPDX-License-Identifier: Apache-2.0
// What plant data are inside the daemon, from whatever source they come.
#pragma once

#include <cstdint>
#include <vector>

namespace millrace {

/// Index of a channel in the site's ChannelTable.
using ChannelIndex = int32_t;

/// One value of one channel.
struct Sample {
  int64_t time_ns = 0;  // Unix time: of the source where it tells it, else of the arrival
  ChannelIndex channel = 0;
  float value = 0;  // in the channel's unit; NaN: the source itself calls it bad
};

/// What one message, poll or read brought.
struct SampleBatch {
  int64_t arrived_ns = 0;  // on the machine's monotonic clock: latency counts from here
  std::vector<Sample> samples;
};

/// Takes what sources read. Thread-safe; never blocks.
class SampleSink {
 public:
  virtual ~SampleSink() = default;
  virtual void Accept(SampleBatch batch) = 0;
};

}  // namespace millrace
