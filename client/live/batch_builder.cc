// SPDX-License-Identifier: Apache-2.0
#include "client/live/batch_builder.h"

#include <cmath>
#include <optional>

#include "client/live/live_clock.h"

namespace millrace {

void AppendSamples(const Payload& payload, const Arrival& arrival, const BlockTiming& timing,
                   StreamChannels& channels, std::vector<Sample>* samples) {
  const double step_ns = timing.rate_hz > 0 ? static_cast<double>(kNsPerS) / timing.rate_hz : 0;
  for (const PayloadBlock& block : payload.blocks) {
    const std::optional<ChannelIndex> channel =
        channels.Find(arrival.machine, block.channel.empty() ? arrival.channel : block.channel,
                      static_cast<int64_t>(block.count));
    if (!channel) continue;
    const bool stamped_first = block.time_ns && timing.stamp == BlockTime::kFirst;
    const auto stamped = static_cast<double>(stamped_first ? 0 : block.count - 1);
    const int64_t stamp_ns = block.time_ns.value_or(arrival.unix_ns);
    for (size_t i = 0; i < block.count; ++i) {
      const double after = (static_cast<double>(i) - stamped) * step_ns;
      // Unsigned, since a hostile time stamp may lie next to the end of all times.
      const uint64_t time =
          static_cast<uint64_t>(stamp_ns) + static_cast<uint64_t>(int64_t{std::llround(after)});
      samples->push_back({static_cast<int64_t>(time), *channel, payload.values[block.begin + i]});
    }
  }
}

}  // namespace millrace
