// SPDX-License-Identifier: Apache-2.0
#include "client/live/delivery.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace millrace {
namespace {

constexpr int64_t kMostAheadNs = 86'400 * kNsPerS;

/// Calls `take` with one batch's worth after the other until one returns false, which it then
/// returns.
bool InBatches(std::vector<Sample> samples,
               const std::function<bool(std::vector<Sample> part)>& take) {
  if (samples.empty()) return true;
  if (samples.size() <= kMostBatchSamples) return take(std::move(samples));
  for (size_t begin = 0; begin < samples.size(); begin += kMostBatchSamples) {
    const auto first = samples.begin() + static_cast<ptrdiff_t>(begin);
    const size_t count = std::min(kMostBatchSamples, samples.size() - begin);
    if (!take({first, first + static_cast<ptrdiff_t>(count)})) return false;
  }
  return true;
}

void HandOn(std::vector<Sample> batch, int64_t arrived_ns, bool recorded,
            const SourceContext& context, SourceRecord& record) {
  record.Delivered(static_cast<int64_t>(batch.size()), context.clock->UnixNs());
  context.sink->Accept({arrived_ns, std::move(batch), record.number(), recorded});
}

}  // namespace

void RefuseFuture(std::vector<Sample>& samples, const SourceContext& context,
                  SourceRecord& record) {
  if (context.any_time || samples.empty()) return;
  const int64_t now_ns = context.clock->UnixNs();
  const int64_t last_ns =
      std::min(now_ns, std::numeric_limits<int64_t>::max() - kMostAheadNs) + kMostAheadNs;
  const auto ahead = [last_ns](const Sample& sample) { return sample.time_ns > last_ns; };
  const auto first = std::ranges::find_if(samples, ahead);
  if (first == samples.end()) return;
  const int64_t time_ns = first->time_ns;
  const size_t count = std::erase_if(samples, ahead);
  const auto told = [](int64_t ns) {
    return absl::FormatTime(absl::FromUnixNanos(ns), absl::UTCTimeZone());
  };
  record.Refused(absl::StrCat(count, " samples from the future, such as of ", told(time_ns),
                              ", while this machine's clock ", "says ", told(now_ns),
                              "; set the clock that is wrong, or [heartbeat] ignore_time"));
}

void Deliver(std::vector<Sample> samples, int64_t arrived_ns, const SourceContext& context,
             SourceRecord& record) {
  InBatches(std::move(samples), [&](std::vector<Sample> part) {
    HandOn(std::move(part), arrived_ns, /*recorded=*/false, context, record);
    return true;
  });
}

bool DeliverPatiently(std::vector<Sample> samples, bool recorded, const SourceContext& context,
                      const SteadyNotification& stopped, SourceRecord& record) {
  constexpr absl::Duration kLookUp = absl::Milliseconds(100);
  return InBatches(std::move(samples), [&](std::vector<Sample> part) {
    do {
      if (stopped.HasBeenNotified()) return false;
    } while (!context.sink->AwaitRoom(part, kLookUp));
    HandOn(std::move(part), context.clock->MonotonicNs(), recorded, context, record);
    return true;
  });
}

}  // namespace millrace
