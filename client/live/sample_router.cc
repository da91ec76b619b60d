// SPDX-License-Identifier: Apache-2.0
#include "client/live/sample_router.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/steady_wait.h"

namespace millrace {

SampleRouter::SampleRouter(std::vector<SampleRoute> routes, std::vector<SampleQueue*> queues)
    : routes_(std::move(routes)), queues_(std::move(queues)) {}

std::vector<int64_t> SampleRouter::Count(std::span<const Sample> samples) const {
  std::vector<int64_t> counts(queues_.size());
  for (const Sample& sample : samples) ++counts[routes_[sample.channel].queue];
  return counts;
}

void SampleRouter::Accept(SampleBatch batch) {
  if (batch.samples.empty()) return;
  const int32_t first = routes_[batch.samples.front().channel].queue;
  const bool whole = std::ranges::all_of(
      batch.samples, [&](const Sample& sample) { return routes_[sample.channel].queue == first; });
  if (whole) {
    for (Sample& sample : batch.samples) sample.channel = routes_[sample.channel].channel;
    queues_[first]->Accept(std::move(batch));
    return;
  }
  const std::vector<int64_t> counts = Count(batch.samples);
  std::vector<SampleBatch> parts(queues_.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].arrived_ns = batch.arrived_ns;
    parts[i].source = batch.source;
    parts[i].recorded = batch.recorded;
    parts[i].samples.reserve(counts[i]);
  }
  for (Sample sample : batch.samples) {
    const SampleRoute& route = routes_[sample.channel];
    sample.channel = route.channel;
    parts[route.queue].samples.push_back(sample);
  }
  for (size_t i = 0; i < parts.size(); ++i) queues_[i]->Accept(std::move(parts[i]));
}

bool SampleRouter::AwaitRoom(std::span<const Sample> samples, absl::Duration patience) {
  const auto end = std::chrono::steady_clock::now() + SteadyWait(patience);
  const std::vector<int64_t> counts = Count(samples);
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const absl::Duration left = absl::FromChrono(end - std::chrono::steady_clock::now());
    if (!queues_[i]->AwaitRoom(counts[i], std::max(left, absl::ZeroDuration()))) return false;
  }
  return true;
}

}  // namespace millrace
