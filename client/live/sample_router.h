// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "client/live/sample.h"
#include "client/live/sample_queue.h"

namespace millrace {

/// Where a channel's samples go.
struct SampleRoute {
  int32_t queue = 0;
  ChannelIndex channel = 0;  // as whoever takes from that queue counts them
};

/// Sorts samples into several queues, by their channels. Thread-safe.
class SampleRouter final : public SampleSink {
 public:
  /// `routes`: one for each of the site's channels. The queues outlive it.
  SampleRouter(std::vector<SampleRoute> routes, std::vector<SampleQueue*> queues);

  /// A batch that is for one queue alone is moved there.
  void Accept(SampleBatch batch) override;
  /// In those queues that the samples are for: a full one keeps back nothing that is for another.
  bool AwaitRoom(std::span<const Sample> samples, absl::Duration patience) override;

 private:
  /// By queue.
  std::vector<int64_t> Count(std::span<const Sample> samples) const;

  const std::vector<SampleRoute> routes_;
  const std::vector<SampleQueue*> queues_;
};

}  // namespace millrace
